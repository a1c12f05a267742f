#include "stapes_equaliser.h"

#include <string.h>

#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_biquad.h"
#include "stapes_overlap_add.h"

void stapes_equaliser_reset(const stapes_equaliser_params *p, stapes_equaliser_state *state)
{
    (void)memset(state->past_q25, 0, (size_t)p->sections * 4u * sizeof(int32_t));
    (void)memset(state->rest_q55, 0, (size_t)p->sections * sizeof(uint32_t));
}

void stapes_equaliser(const stapes_equaliser_params *p, stapes_equaliser_state *state, int32_t *sound_q25)
{
    const int32_t lift = p->lift;
    const int32_t largest_q25 = STAPES_LOUDEST_Q25 >> lift;

    for (int32_t k = 0; k < p->sections; k++) {
        stapes_biquad(&p->coefficients_q30[5 * k], &state->past_q25[4 * k], &state->rest_q55[k], p->hop, sound_q25);
    }
    if (lift > 0) {
        for (int32_t n = 0; n < p->hop; n++) {
            sound_q25[n] = stapes_shift_left(stapes_clamp(sound_q25[n], -largest_q25, largest_q25), lift);
        }
    }
}
