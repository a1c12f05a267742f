#include "stapes_inverse.h"

#include <string.h>

#include "stapes_overlap_add.h"

void stapes_inverse_reset(const stapes_inverse_params *p, stapes_inverse_state *state)
{
    (void)memset(state->overlap_q25, 0, (size_t)p->hop * sizeof(int32_t));
}

void stapes_inverse(const stapes_inverse_params *p, stapes_inverse_state *state, int32_t *filtered, int32_t exponent,
                    int32_t *time_q31, int16_t *output_q15)
{
    const int32_t hop = p->hop;
    const int32_t shift = p->shift;
    const int32_t *window_q31 = p->window_q31;
    const int32_t *frame = time_q31 + (p->analysis - p->synthesis);
    int32_t *overlap_q25 = state->overlap_q25;

    stapes_irfft_q31(p->rfft, filtered, time_q31);
    for (int32_t n = 0; n < hop; n++) {
        const int32_t total_q25 = overlap_q25[n] + stapes_windowed_q25(frame[n], window_q31[n], shift, exponent);
        output_q15[n] = (int16_t)stapes_clamp(stapes_round_right(total_q25, 10), INT16_MIN, INT16_MAX);
        overlap_q25[n] = stapes_windowed_q25(frame[hop + n], window_q31[hop + n], shift, exponent);
    }
}
