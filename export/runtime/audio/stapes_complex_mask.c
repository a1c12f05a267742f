#include "stapes_complex_mask.h"

#include <stddef.h>

/* A sum of two products of Q31 and Q15, rounded. */
static int32_t rounded(int64_t sum, int32_t shift)
{
    return (int32_t)((sum + ((1 << shift) >> 1)) >> shift);
}

void stapes_complex_mask(const stapes_complex_mask_params *p, const int32_t *spectrum_q31, const int16_t *mask_q15,
                         int32_t *filtered)
{
    const int32_t shift = 15 - p->filtered_shift;
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t real = spectrum_q31[2 * k];
        const int64_t imag = spectrum_q31[2 * k + 1];
        const int32_t mask_real = mask_q15 != NULL ? mask_q15[k] : 32768;
        const int32_t mask_imag = mask_q15 != NULL ? mask_q15[p->bins + k] : 0;
        filtered[2 * k] = rounded(real * mask_real - imag * mask_imag, shift);
        filtered[2 * k + 1] = rounded(imag * mask_real + real * mask_imag, shift);
    }
    /* The spectrum of a real signal is real at both ends: what a mask turned away there does not sound. */
    filtered[1] = 0;
    filtered[2 * p->bins - 1] = 0;
}
