#include "stapes_deep_filter.h"

#include <stddef.h>

#include "stapes_audio_scalar.h"

#define FRACTION_BITS 20

static int32_t saturated(int64_t sum)
{
    const int64_t value = (sum + ((int64_t)1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    if (value > INT32_MAX) {
        return INT32_MAX;
    }
    return value < -INT32_MAX ? -INT32_MAX : (int32_t)value;
}

void stapes_deep_filter(const stapes_deep_filter_params *p, const int32_t *taps_q31, const int32_t *coefs_q20,
                        const int16_t *lsnr_q8, int32_t *filtered)
{
    const int32_t *coef_q20 = coefs_q20;
    if (coefs_q20 == NULL || (lsnr_q8 != NULL && (lsnr_q8[0] < p->lsnr_min_q8 || lsnr_q8[0] > p->lsnr_max_q8))) {
        return;
    }
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t *tap_q31 = &taps_q31[2 * k];
        int64_t real = 0;
        int64_t imag = 0;
        for (int32_t n = 0; n < p->order; n++) {
            real += (int64_t)tap_q31[0] * coef_q20[0];
            real += (int64_t)-tap_q31[1] * coef_q20[1];
            imag += (int64_t)tap_q31[0] * coef_q20[1];
            imag += (int64_t)tap_q31[1] * coef_q20[0];
            tap_q31 += 2 * p->bins;
            coef_q20 += 2;
        }
        filtered[2 * k] = saturated(real);
        filtered[2 * k + 1] = saturated(imag);
    }
}
