#include "stapes_complex_mask.h"

#include <stddef.h>

/* A sum of two products of Q31 and Q15, doubled. */
static int32_t doubled(int64_t sum) { return (int32_t)((sum + (1 << 13)) >> 14); }

void stapes_complex_mask(const stapes_complex_mask_params *p, const int32_t *spectrum_q31, const int16_t *mask_q15,
                         int32_t *filtered)
{
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t real = spectrum_q31[2 * k];
        const int64_t imag = spectrum_q31[2 * k + 1];
        const int32_t mask_real = mask_q15 != NULL ? mask_q15[k] : 32768;
        const int32_t mask_imag = mask_q15 != NULL ? mask_q15[p->bins + k] : 0;
        filtered[2 * k] = doubled(real * mask_real - imag * mask_imag);
        filtered[2 * k + 1] = doubled(imag * mask_real + real * mask_imag);
    }
    /* The spectrum of a real signal is real at both ends: what a mask turned away there does not sound. */
    filtered[1] = 0;
    filtered[2 * p->bins - 1] = 0;
}
