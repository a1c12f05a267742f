#include "stapes_bypass.h"

void stapes_bypass_reset(const stapes_bypass_params *p, stapes_bypass_state *state)
{
    (void)p;
    stapes_glide_begin(state);
}

void stapes_bypass(const stapes_bypass_params *p, stapes_bypass_state *state, const stapes_bypass_controls *controls,
                   const int16_t *dry_q15, int16_t *output_q15)
{
    stapes_glide_aim(state, controls->on * 32768);
    if (stapes_glide_rests_at(state, 0)) {
        return;
    }
    for (int32_t i = 0; i < p->hop; i++) {
        const int32_t distance = (int32_t)dry_q15[i] - output_q15[i];
        const int64_t share = (int64_t)distance * stapes_glide_next(state, p->step_q30);
        output_q15[i] = (int16_t)(output_q15[i] + ((share + 16384) >> 15));
    }
}
