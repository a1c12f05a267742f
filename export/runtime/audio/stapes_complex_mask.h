#ifndef STAPES_COMPLEX_MASK_H
#define STAPES_COMPLEX_MASK_H

/* Stage `complex_mask`: a complex mask of the network on the spectrum.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/complex_mask.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t filtered_shift;
} stapes_complex_mask_params;

/* spectrum_q31[F][2], mask_q15[2 * F], real parts, then imaginary parts, or null for a mask of one -> filtered[F][2], twice
 * the spectrum times the mask.
 */
void stapes_complex_mask(const stapes_complex_mask_params *p, const int32_t *spectrum_q31, const int16_t *mask_q15,
                         int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
