#include "stapes_complex_mask.h"

#include <stddef.h>

#include "stapes_audio_scalar.h"

/* A sum of two products of Q31 and Q15, rounded: a shift that is known to the compiler takes three instructions of 64 bits. */
static int32_t rounded_product(int64_t sum)
{
    return (int32_t)((sum + (1 << 14)) >> 15);
}

void stapes_complex_mask(const stapes_complex_mask_params *p, const int32_t *spectrum_q31, const int16_t *mask_q15,
                         int32_t *filtered)
{
    const int32_t scale = stapes_shift_left(1, p->filtered_shift);
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t real = spectrum_q31[2 * k];
        const int64_t imag = spectrum_q31[2 * k + 1];
        const int32_t mask_real = (mask_q15 != NULL ? mask_q15[k] : 32768) * scale;
        const int32_t mask_imag = (mask_q15 != NULL ? mask_q15[p->bins + k] : 0) * scale;
        filtered[2 * k] = rounded_product(real * mask_real - imag * mask_imag);
        filtered[2 * k + 1] = rounded_product(imag * mask_real + real * mask_imag);
    }
    /* The spectrum of a real signal is real at both ends: what a mask turned away there does not sound. */
    filtered[1] = 0;
    filtered[2 * p->bins - 1] = 0;
}
