#include "../matrices/stapes_rows.h"
#include "stapes_gru_cell.h"

void stapes_gru_grouped_s16(const stapes_gru_grouped_s16_params *p, const int16_t *x, const int16_t *h,
                            int16_t *scratch, int16_t *h_out)
{
    const int32_t inputs = p->x.groups * p->x.columns;
    const size_t bytes = (size_t)p->hidden * sizeof *h;
    int16_t *const terms = scratch;
    int16_t *const x_vector = terms + 6 * p->hidden;
    int16_t *const h_vector = x_vector + inputs;
    stapes_gru_cell cell;

    stapes_gru_cell_begin(p, &cell);
    if (h_out != h) {
        (void)memcpy(h_out, h, (size_t)p->batch * bytes);
    }
    for (int32_t vector = 0; vector < p->batch; vector++) {
        int16_t *const state = stapes_give_s16(p->hidden, h_out, h_vector) == h_out ? h_out : h_vector;
        stapes_grouped_rows(&p->x, 0, p->x.groups, stapes_give_s16(inputs, x, x_vector), terms);
        stapes_grouped_rows(&p->h, 0, p->h.groups, state, terms + 1);
        stapes_gru_cell_s16(terms, state, p->hidden, &cell);
        if (state != h_out) {
            (void)memcpy(h_out, state, bytes);
        }
        x += inputs;
        h_out += p->hidden;
    }
}
