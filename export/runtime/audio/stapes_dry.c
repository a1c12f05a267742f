#include "stapes_dry.h"

#include <string.h>

void stapes_dry_reset(const stapes_dry_params *p, stapes_dry_state *state)
{
    (void)memset(state->ring_q15, 0, (size_t)(p->blocks * p->hop) * sizeof *state->ring_q15);
    state->dry_q15 = state->ring_q15;
    state->slot = 0;
}

void stapes_dry(const stapes_dry_params *p, stapes_dry_state *state, const int16_t *block_q15)
{
    (void)memcpy(&state->ring_q15[state->slot * p->hop], block_q15, (size_t)p->hop * sizeof *block_q15);
    state->slot = state->slot + 1 < p->blocks ? state->slot + 1 : 0;
    state->dry_q15 = &state->ring_q15[state->slot * p->hop];
}
