#include "stapes_rows.h"

void stapes_fully_connected_s8(const stapes_fully_connected_params *p, const int8_t *x, int16_t *vector, int8_t *y)
{
    for (int32_t i = 0; i < p->batch; i++) {
        stapes_take_s8(p->matrix.inputs, x, vector);
        stapes_outputs_s8(&p->matrix, 0, p->outputs, p->activation_min, p->activation_max, vector, y);
        x += p->matrix.inputs;
        y += p->outputs;
    }
}
