#include "stapes_audio.h"
#include "stapes_audio_scalar.h"

/* Wiener gain times the floored mask; the gain alone where there is no mask. */
static int32_t total_gain_q31(const stapes_audio_params *p, int32_t gain_q15, const int16_t *mask_q15)
{
    if (mask_q15 == NULL) {
        return gain_q15 < 32768 ? gain_q15 << 16 : INT32_MAX;
    }
    return gain_q15 * (*mask_q15 > p->mask_floor_q15 ? *mask_q15 : p->mask_floor_q15) * 2;
}

static int32_t windowed_q25(const stapes_audio_params *p, const stapes_audio_state *state, const int32_t *frame,
                            int32_t n)
{
    const int32_t shifted = stapes_shift_round(frame[n], p->synthesis_shift);
    return stapes_shift_round(stapes_multiply_high(shifted, p->synthesis_window_q31[n]), -state->exponent);
}

void stapes_audio_synthesise(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *mask_q15,
                             int16_t *output_q15)
{
    int32_t *filtered = state->transform_q31;
    const int32_t *frame = state->windowed_q30 + (p->analysis - p->synthesis);
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t gain_q31 = total_gain_q31(p, state->gain_q15[k], mask_q15 != NULL ? &mask_q15[k] : NULL);
        const int32_t real = stapes_multiply_high(state->spectrum_q31[2 * k], gain_q31);
        const int32_t imag = stapes_multiply_high(state->spectrum_q31[2 * k + 1], gain_q31);
        filtered[2 * k] = stapes_shift_round(real, 2);
        filtered[2 * k + 1] = stapes_shift_round(imag, 2);
    }
    stapes_irfft_q31(p->rfft, filtered, state->windowed_q30);
    for (int32_t n = 0; n < p->hop; n++) {
        const int32_t total_q25 = state->overlap_q25[n] + windowed_q25(p, state, frame, n);
        const int32_t sample = stapes_shift_round(total_q25, -10);
        output_q15[n] = (int16_t)(sample > INT16_MAX ? INT16_MAX : sample < INT16_MIN ? INT16_MIN : sample);
        state->overlap_q25[n] = windowed_q25(p, state, frame, n + p->hop);
    }
}
