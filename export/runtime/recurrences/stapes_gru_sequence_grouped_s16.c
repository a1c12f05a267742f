#include "../matrices/stapes_rows.h"
#include "stapes_gru_cell.h"

/* Units come in fours. */
static void copy_units(int32_t units, const int16_t *from, int16_t *to)
{
    for (int32_t i = 0; i < units; i += 4) {
        (void)memcpy(to + i, from + i, 4u * sizeof *to);
    }
}

void stapes_gru_sequence_grouped_s16(const stapes_gru_sequence_grouped_s16_params *p, const int16_t *x,
                                     int16_t *scratch, int16_t *y)
{
    const stapes_gru_grouped_s16_params *const gru = &p->cell;
    const int32_t groups = gru->x.groups / 2;
    const int32_t inputs = groups * gru->x.columns;
    const int32_t units = gru->hidden / 2;
    int16_t *const terms = scratch;
    int16_t *const state = terms + 12 * units;
    int16_t *const x_vector = state + 2 * units;
    stapes_gru_cell cell;

    stapes_gru_cell_begin(gru, &cell);
    (void)memset(state, 0, (size_t)(2 * units) * sizeof *state);
    for (int32_t step = 0; step < p->positions; step++) {
        const int32_t back = p->positions - 1 - step;
        stapes_grouped_rows(&gru->x, 0, groups, stapes_give_s16(inputs, x + step * inputs, x_vector), terms);
        stapes_grouped_rows(&gru->x, groups, groups, stapes_give_s16(inputs, x + back * inputs, x_vector),
                            terms + 6 * units);
        stapes_grouped_rows(&gru->h, 0, gru->h.groups, state, terms + 1);
        stapes_gru_cell_s16(terms, state, 2 * units, &cell);
        copy_units(units, state, y + step * 2 * units);
        copy_units(units, state + units, y + back * 2 * units + units);
    }
}
