#include "stapes_steered_equaliser.h"

#include <stdbool.h>
#include <string.h>

#include "stapes_audio_scalar.h"
#include "stapes_biquad.h"
#include "stapes_glide.h"

static bool has_changed(const stapes_steered_equaliser_state *state, const stapes_steered_equaliser_controls *controls,
                        int32_t bands)
{
    const size_t bytes = (size_t)bands * sizeof(int32_t);
    return memcmp(state->given, controls->frequency_q8, bytes) != 0 ||
           memcmp(&state->given[bands], controls->gain_db_q16, bytes) != 0 ||
           memcmp(&state->given[2 * bands], controls->quality_q16, bytes) != 0;
}

/* Where the glide is: start_q16 and target_q16 of one value. */
static int32_t now_q16(const stapes_steered_equaliser_state *state, int32_t n, int32_t share_q15)
{
    return stapes_glide_between(state->start_q16[n], state->target_q16[n], share_q15);
}

/* A new glide begins where the last one is; at the start of a stream there is none. */
static void aim(const stapes_steered_equaliser_params *p, stapes_steered_equaliser_state *state,
                const stapes_steered_equaliser_controls *controls)
{
    const int32_t bands = p->bands;
    if (state->position_q30 >= 0) {
        const int32_t share_q15 = stapes_glide_share_q15(state->position_q30);
        for (int32_t n = 0; n < 3 * bands; n++) {
            state->start_q16[n] = now_q16(state, n, share_q15);
        }
        state->position_q30 = 0;
    }
    for (int32_t k = 0; k < bands; k++) {
        state->given[k] = controls->frequency_q8[k];
        state->given[bands + k] = controls->gain_db_q16[k];
        state->given[2 * bands + k] = controls->quality_q16[k];
        state->target_q16[k] = stapes_log2_q16((uint32_t)controls->frequency_q8[k]) - 8 * 65536;
        state->target_q16[bands + k] = controls->gain_db_q16[k];
        state->target_q16[2 * bands + k] = stapes_log2_q16((uint32_t)controls->quality_q16[k]) - 16 * 65536;
    }
}

/* The coefficients of the next hop. */
static void move(const stapes_steered_equaliser_params *p, stapes_steered_equaliser_state *state)
{
    const int32_t bands = p->bands;
    const int32_t left_q30 = STAPES_GLIDE_END_Q30 - state->position_q30;
    int32_t share_q15;
    if (state->position_q30 < 0) {
        state->position_q30 = STAPES_GLIDE_END_Q30;
    } else {
        state->position_q30 += left_q30 < p->step_q30 ? left_q30 : p->step_q30;
    }
    share_q15 = stapes_glide_share_q15(state->position_q30);
    for (int32_t k = 0; k < bands; k++) {
        stapes_peaking(p->peaking, now_q16(state, k, share_q15), now_q16(state, bands + k, share_q15),
                       now_q16(state, 2 * bands + k, share_q15), &state->coefficients_q30[5 * k]);
    }
}

void stapes_steered_equaliser_reset(const stapes_steered_equaliser_params *p, stapes_steered_equaliser_state *state)
{
    (void)memset(state->past_q25, 0, (size_t)p->bands * 4u * sizeof(int32_t));
    (void)memset(state->rest_q55, 0, (size_t)p->bands * sizeof(uint32_t));
    (void)memset(state->given, 0, (size_t)p->bands * 3u * sizeof(int32_t));
    (void)memset(state->start_q16, 0, (size_t)p->bands * 3u * sizeof(int32_t));
    state->position_q30 = -1;
}

void stapes_steered_equaliser(const stapes_steered_equaliser_params *p, stapes_steered_equaliser_state *state,
                              const stapes_steered_equaliser_controls *controls, int32_t *sound_q25)
{
    if (state->position_q30 < 0 || has_changed(state, controls, p->bands)) {
        aim(p, state, controls);
    }
    if (state->position_q30 < STAPES_GLIDE_END_Q30) {
        move(p, state);
    }
    for (int32_t k = 0; k < p->bands; k++) {
        stapes_biquad(&state->coefficients_q30[5 * k], &state->past_q25[4 * k], &state->rest_q55[k], p->hop, sound_q25);
    }
}
