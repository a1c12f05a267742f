#include <string.h>

#include "stapes_recurrences.h"

void stapes_gru_sequence_s16(const stapes_gru_sequence_s16_params *p, const int16_t *x, int16_t *scratch, int16_t *y)
{
    const int32_t inputs = p->cell.x.inputs / 2;
    const int32_t units = p->cell.hidden / 2;
    int16_t *const both = scratch + STAPES_GRU_SCRATCH(2 * inputs, 2 * units);
    int16_t *const state = both + 2 * inputs;

    (void)memset(state, 0, (size_t)(2 * units) * sizeof *state);
    for (int32_t step = 0; step < p->positions; step++) {
        const int32_t back = p->positions - 1 - step;
        (void)memcpy(both, x + step * inputs, (size_t)inputs * sizeof *both);
        (void)memcpy(both + inputs, x + back * inputs, (size_t)inputs * sizeof *both);
        stapes_gru_s16(&p->cell, both, state, scratch, state);
        (void)memcpy(y + step * 2 * units, state, (size_t)units * sizeof *y);
        (void)memcpy(y + back * 2 * units + units, state + units, (size_t)units * sizeof *y);
    }
}
