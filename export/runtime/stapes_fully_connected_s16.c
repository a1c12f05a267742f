#include "stapes_rows.h"
#include "stapes_sweep.h"

void stapes_fully_connected_s16(const stapes_fully_connected_params *p, const int16_t *x, int16_t *vector, int16_t *y)
{
    const stapes_matrix *const m = &p->matrix;
    const stapes_sweep over = {p->batch, m->inputs, p->outputs, 1, m->inputs, 0};
    if (m->inputs % 4 == 0 && p->outputs % 4 == 0 && stapes_sweep_fits(m, &over, p->activation_min, p->activation_max)) {
        stapes_sweep_s16(m, &over, 0, p->outputs, x, y);
        return;
    }
    for (int32_t i = 0; i < p->batch; i++) {
        const int16_t *const given = stapes_give_s16(m->inputs, x, vector);
        stapes_outputs_s16(m, 0, p->outputs, p->activation_min, p->activation_max, given, y);
        x += m->inputs;
        y += p->outputs;
    }
}
