#ifndef STAPES_STRENGTH_H
#define STAPES_STRENGTH_H

/* Stage `strength`: how much of the reduction sounds, from none to all.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/strength.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t filtered_shift;
} stapes_strength_params;

typedef struct {
    int32_t mix_q15;
} stapes_strength_controls;

/* spectrum_q31[F][2], the noisy one, filtered[F][2] -> filtered in its place. */
void stapes_strength(const stapes_strength_params *p, const stapes_strength_controls *controls,
                     const int32_t *spectrum_q31, int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
