#ifndef STAPES_MAGNITUDE_H
#define STAPES_MAGNITUDE_H

/* Stage `magnitude`: the magnitudes of the spectrum as features.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/magnitude.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t window_power_log2;
} stapes_magnitude_params;

/* power_q40[F], gain2_q30[F] or null for a gain of one -> features_q20[F], or [2 * F] with gain_q15[F] behind it where that is
 * not null.
 */
void stapes_magnitude(const stapes_magnitude_params *p, const uint64_t *power_q40, const int32_t *gain2_q30,
                      const uint16_t *gain_q15, int32_t *features_q20);

#ifdef __cplusplus
}
#endif

#endif
