#ifndef STAPES_COMPLEX_H
#define STAPES_COMPLEX_H

/* Stage `complex`: the spectrum itself as features.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/complex.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t shift;
} stapes_complex_params;

/* spectrum_q31[F][2] -> features_q20[3 * F]: magnitudes, real parts, imaginary parts. */
void stapes_complex(const stapes_complex_params *p, const int32_t *spectrum_q31, int32_t exponent,
                    int32_t *features_q20);

#ifdef __cplusplus
}
#endif

#endif
