#ifndef STAPES_DEEP_FILTER_H
#define STAPES_DEEP_FILTER_H

/* Stage `deep_filter`: complex filters of the network over the frames that are known.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/deep_filter.py, with the bound of the sums. */
typedef struct {
    int32_t bins;  /* K */
    int32_t order; /* O, taps */
    int16_t lsnr_min_q8;
    int16_t lsnr_max_q8;
} stapes_deep_filter_params;

/* taps_q31[O][K][2], oldest first, coefs_q20[K][O][2], or null to leave all as it is, lsnr_q8[1] or null for no limits ->
 * the first K bins of filtered[F][2] in their place, saturated; out of the limits they stay.
 */
void stapes_deep_filter(const stapes_deep_filter_params *p, const int32_t *taps_q31, const int32_t *coefs_q20,
                        const int16_t *lsnr_q8, int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
