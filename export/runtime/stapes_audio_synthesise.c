#include "stapes_audio.h"
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

/* filtered[bins][2]: twice the spectrum times the total gain. */
static void filter(const stapes_audio_params *p, const stapes_audio_state *state, const int16_t *mask_q15,
                   int32_t *filtered)
{
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t gain_q15 = state->gain_q15[k];
        const int32_t clear_q15 = (state->clarity_q15 * gain_q15) >> 15;
        const int32_t floor_q15 = clear_q15 > p->mask_floor_q15 ? clear_q15 : p->mask_floor_q15;
        const int32_t gain_q31 =
            mask_q15 != NULL ? masked_gain_q31(p->mask_on_noisy ? 32768 : gain_q15, mask_q15[k], floor_q15) : gain_alone_q31(gain_q15);
        const int32_t real = stapes_multiply_high(state->spectrum_q31[2 * k], gain_q31);
        const int32_t imag = stapes_multiply_high(state->spectrum_q31[2 * k + 1], gain_q31);
        filtered[2 * k] = stapes_shift_left(real, 2);
        filtered[2 * k + 1] = stapes_shift_left(imag, 2);
    }
}

void stapes_audio_synthesise(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *mask_q15,
                             int16_t *output_q15)
{
    filter(p, state, mask_q15, state->transform_q31);
    stapes_audio_overlap_add(p, state, output_q15);
}
