#include "stapes_volume.h"

#include "../arithmetic/stapes_arithmetic.h"

void stapes_volume_reset(const stapes_volume_params *p, stapes_volume_state *state)
{
    (void)p;
    stapes_glide_begin(state);
}

void stapes_volume(const stapes_volume_params *p, stapes_volume_state *state, const stapes_volume_controls *controls,
                   int16_t *output_q15)
{
    stapes_glide_aim(state, controls->gain_q16);
    if (stapes_glide_rests_at(state, 1 << 16)) {
        return;
    }
    for (int32_t i = 0; i < p->hop; i++) {
        const int64_t scaled = (int64_t)output_q15[i] * stapes_glide_next(state, p->step_q30);
        output_q15[i] = (int16_t)stapes_clamp((int32_t)((scaled + 32768) >> 16), INT16_MIN, INT16_MAX);
    }
}
