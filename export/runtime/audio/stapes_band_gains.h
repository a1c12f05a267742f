#ifndef STAPES_BAND_GAINS_H
#define STAPES_BAND_GAINS_H

/* Stage `band_gains`: one gain of the network a band on the spectrum.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/band_gains.py. */
typedef struct {
    int32_t bands; /* K */
    int32_t below; /* bins below the first of these bands: zero, for a stage behind this one */
    int32_t filtered_shift;
    int16_t lsnr_min_q8;
    int16_t lsnr_max_q8;
    const uint16_t *ends; /* [K] first bin behind each band */
} stapes_band_gains_params;

/* spectrum_q31[F][2], gains_q15[K], 0 to 32767, or null for gains of one, lsnr_q8[1] or null for no limits -> filtered[F][2],
 * 2^filtered_shift times the spectrum times the gains: zero below lsnr_min_q8, with gains of one above lsnr_max_q8.
 */
void stapes_band_gains(const stapes_band_gains_params *p, const int32_t *spectrum_q31, const int16_t *gains_q15,
                       const int16_t *lsnr_q8, int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
