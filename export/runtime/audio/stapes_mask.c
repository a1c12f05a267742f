#include "stapes_mask.h"

#include <stddef.h>

#include "stapes_audio_scalar.h"

/* Wiener gain, or one, times the floored mask. */
static int32_t masked_gain_q31(int32_t gain_q15, int32_t mask_q15, int32_t floor_q15)
{
    return gain_q15 * (mask_q15 > floor_q15 ? mask_q15 : floor_q15) * 2;
}

static int32_t gain_alone_q31(int32_t gain_q15)
{
    return gain_q15 < 32768 ? gain_q15 << 16 : INT32_MAX;
}

static void scale(const int32_t *x_q31, int32_t gain_q31, int32_t shift, int32_t *filtered)
{
    filtered[0] = stapes_shift_left(stapes_multiply_high(x_q31[0], gain_q31), shift);
    filtered[1] = stapes_shift_left(stapes_multiply_high(x_q31[1], gain_q31), shift);
}

/* The same with a Wiener gain of one. */
static void mask_alone(const stapes_mask_params *p, const int32_t *spectrum_q31, const int16_t *mask_q15,
                       int32_t *filtered)
{
    const int32_t shift = 1 + p->filtered_shift;
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t gain_q31 = mask_q15 != NULL ? masked_gain_q31(32768, mask_q15[k], p->floor_q15) : INT32_MAX;
        scale(&spectrum_q31[2 * k], gain_q31, shift, &filtered[2 * k]);
    }
}

void stapes_mask(const stapes_mask_params *p, const int32_t *spectrum_q31, const uint16_t *gain_q15,
                 int32_t clarity_q15, const int16_t *mask_q15, int32_t *filtered)
{
    const int32_t shift = 1 + p->filtered_shift;
    if (gain_q15 == NULL) {
        mask_alone(p, spectrum_q31, mask_q15, filtered);
        return;
    }
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t gain = gain_q15[k];
        const int32_t clear_q15 = (clarity_q15 * gain) >> 15;
        const int32_t floor_q15 = clear_q15 > p->floor_q15 ? clear_q15 : p->floor_q15;
        const int32_t gain_q31 = mask_q15 != NULL ? masked_gain_q31(p->noisy ? 32768 : gain, mask_q15[k], floor_q15)
                                                  : gain_alone_q31(gain);
        scale(&spectrum_q31[2 * k], gain_q31, shift, &filtered[2 * k]);
    }
}
