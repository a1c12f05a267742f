#ifndef STAPES_LOG_MAGNITUDE_H
#define STAPES_LOG_MAGNITUDE_H

/* Stage `log_magnitude`: the logarithm of the magnitudes of the spectrum as features.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/log_magnitude.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t shift;
    int32_t floor_q16;
    int32_t factor_q29;
} stapes_log_magnitude_params;

/* spectrum_q31[F][2] -> features_q20[F]. */
void stapes_log_magnitude(const stapes_log_magnitude_params *p, const int32_t *spectrum_q31, int32_t exponent,
                          int32_t *features_q20);

#ifdef __cplusplus
}
#endif

#endif
