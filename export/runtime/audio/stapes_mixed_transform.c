#include "stapes_mixed_transform.h"

#include <string.h>

#include "stapes_frame.h"

void stapes_mixed_transform_reset(const stapes_mixed_transform_params *p, stapes_transform_state *state)
{
    (void)memset(state->history_q15, 0, ((size_t)p->analysis - (size_t)p->hop) * sizeof(int16_t));
    state->exponent = 0;
}

void stapes_mixed_transform(const stapes_mixed_transform_params *p, stapes_transform_state *state,
                            const int16_t *block_q15, int32_t *windowed_q28, int32_t *transform_q31,
                            int32_t *spectrum_q31)
{
    const int32_t exponent = stapes_frame(p->analysis, p->hop, p->window_q31, state->history_q15, block_q15,
                                          windowed_q28);
    stapes_mixed_rfft_q31(p->rfft, windowed_q28, transform_q31);

    (void)memcpy(spectrum_q31, transform_q31, 2u * (size_t)p->bins * sizeof(int32_t));
    state->exponent = exponent;
}
