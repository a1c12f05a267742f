#include "stapes_tone_equaliser.h"

#include <stddef.h>
#include <string.h>

#include "stapes_biquad.h"
#include "stapes_glide.h"

/* The glide is over by now: it ends where the next one begins. */
static void aim(const stapes_tone_equaliser_params *p, stapes_tone_equaliser_state *state, const int16_t *gains_q15)
{
    for (int32_t k = 0; k < p->bands; k++) {
        state->start_q16[k] = state->target_q16[k];
        /* 12 dB * 2^16 / 2^15. */
        state->target_q16[k] = gains_q15 != NULL ? 24 * gains_q15[k] : 0;
    }
    state->position_q30 = 0;
    state->wait = p->hops;
}

/* The coefficients of the next hop. */
static void move(const stapes_tone_equaliser_params *p, stapes_tone_equaliser_state *state)
{
    const int32_t left_q30 = STAPES_GLIDE_END_Q30 - state->position_q30;
    int32_t share_q15;
    state->position_q30 += left_q30 < p->step_q30 ? left_q30 : p->step_q30;
    share_q15 = stapes_glide_share_q15(state->position_q30);
    for (int32_t k = 0; k < p->bands; k++) {
        const int32_t gain_q16 = stapes_glide_between(state->start_q16[k], state->target_q16[k], share_q15);
        stapes_peaking(p->peaking, p->octaves_q16[k], gain_q16, p->quality_q16, &state->coefficients_q30[5 * k]);
    }
}

void stapes_tone_equaliser_reset(const stapes_tone_equaliser_params *p, stapes_tone_equaliser_state *state)
{
    (void)memset(state->past_q25, 0, (size_t)p->bands * 4u * sizeof(int32_t));
    (void)memset(state->rest_q55, 0, (size_t)p->bands * sizeof(uint32_t));
    (void)memset(state->start_q16, 0, (size_t)p->bands * sizeof(int32_t));
    (void)memset(state->target_q16, 0, (size_t)p->bands * sizeof(int32_t));
    state->position_q30 = STAPES_GLIDE_END_Q30;
    state->wait = 0;
}

void stapes_tone_equaliser(const stapes_tone_equaliser_params *p, stapes_tone_equaliser_state *state,
                           int32_t *sound_q25, const int16_t *tone_gains_q15)
{
    if (state->wait == 0) {
        aim(p, state, tone_gains_q15);
    }
    state->wait--;
    if (state->position_q30 < STAPES_GLIDE_END_Q30) {
        move(p, state);
    }
    for (int32_t k = 0; k < p->bands; k++) {
        stapes_biquad(&state->coefficients_q30[5 * k], &state->past_q25[4 * k], &state->rest_q55[k], p->hop, sound_q25);
    }
}
