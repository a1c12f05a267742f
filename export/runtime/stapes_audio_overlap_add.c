#include "stapes_audio.h"
#include "stapes_audio_scalar.h"

/* A sample of the inverse transform, brought to the level that it had before its exponent. */
static inline int32_t windowed_q25(int32_t sample, int32_t window_q31, int32_t shift, int32_t exponent)
{
    return stapes_round_right(stapes_multiply_high(stapes_shift_left(sample, shift), window_q31), exponent);
}

void stapes_audio_overlap_add(const stapes_audio_params *p, stapes_audio_state *state, int16_t *output_q15)
{
    const int32_t hop = p->hop;
    const int32_t shift = p->synthesis_shift;
    const int32_t exponent = state->exponent;
    const int32_t *window_q31 = p->synthesis_window_q31;
    const int32_t *frame = state->windowed_q30 + (p->analysis - p->synthesis);

    stapes_irfft_q31(p->rfft, state->transform_q31, state->windowed_q30);
    for (int32_t n = 0; n < hop; n++) {
        const int32_t total_q25 = state->overlap_q25[n] + windowed_q25(frame[n], window_q31[n], shift, exponent);
        output_q15[n] = (int16_t)stapes_clamp(stapes_round_right(total_q25, 10), INT16_MIN, INT16_MAX);
        state->overlap_q25[n] = windowed_q25(frame[hop + n], window_q31[hop + n], shift, exponent);
    }
}
