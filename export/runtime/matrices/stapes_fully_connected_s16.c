#include "stapes_rows.h"

void stapes_fully_connected_s16(const stapes_fully_connected_params *p, const int16_t *x, int16_t *vector, int16_t *y)
{
    for (int32_t i = 0; i < p->batch; i++) {
        const int16_t *const given = stapes_give_s16(p->matrix.inputs, x, vector);
        stapes_outputs_s16(&p->matrix, 0, p->outputs, p->activation_min, p->activation_max, given, y);
        x += p->matrix.inputs;
        y += p->outputs;
    }
}
