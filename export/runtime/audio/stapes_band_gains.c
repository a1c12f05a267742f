#include "stapes_band_gains.h"

#include <stddef.h>

#include "stapes_audio_scalar.h"

/* Bins from first to end, real and imaginary parts, by one gain. */
static void scale(const int32_t *spectrum_q31, int32_t first, int32_t end, int32_t gain_q31, int32_t shift,
                  int32_t *filtered)
{
    for (int32_t n = 2 * first; n < 2 * end; n++) {
        filtered[n] = stapes_shift_left(stapes_multiply_high(spectrum_q31[n], gain_q31), shift);
    }
}

void stapes_band_gains(const stapes_band_gains_params *p, const int32_t *spectrum_q31, const int16_t *gains_q15,
                       const int16_t *lsnr_q8, int32_t *filtered)
{
    const int32_t bins = p->ends[p->bands - 1];
    int32_t first = p->below;
    if (gains_q15 == NULL || (lsnr_q8 != NULL && lsnr_q8[0] > p->lsnr_max_q8)) {
        for (int32_t n = 0; n < 2 * bins; n++) {
            filtered[n] = stapes_shift_left(spectrum_q31[n], p->filtered_shift);
        }
        return;
    }
    for (int32_t n = 0; n < 2 * first; n++) {
        filtered[n] = 0;
    }
    for (int32_t band = 0; band < p->bands; band++) {
        const int32_t gain_q15 = lsnr_q8 != NULL && lsnr_q8[0] < p->lsnr_min_q8 ? 0 : gains_q15[band];
        scale(spectrum_q31, first, p->ends[band], gain_q15 * 65536, 1 + p->filtered_shift, filtered);
        first = p->ends[band];
    }
}
