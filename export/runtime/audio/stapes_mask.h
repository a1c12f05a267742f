#ifndef STAPES_MASK_H
#define STAPES_MASK_H

/* Stage `mask`: a real mask of the network on the spectrum, with the Wiener gain before it or under it.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/mask.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t filtered_shift;
    int16_t floor_q15;
    bool noisy; /* the mask is of the noisy spectrum, as if the Wiener gain were one */
} stapes_mask_params;

/* spectrum_q31[F][2], gain_q15[F] or null for a gain of one, mask_q15[F], 0 to 32767, or null to leave the gain alone ->
 * filtered[F][2], twice the spectrum times the total gain.
 */
void stapes_mask(const stapes_mask_params *p, const int32_t *spectrum_q31, const uint16_t *gain_q15,
                 int32_t clarity_q15, const int16_t *mask_q15, int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
