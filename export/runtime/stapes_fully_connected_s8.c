#include "stapes_rows.h"

void stapes_fully_connected_s8(const stapes_fully_connected_params *p, const int8_t *x, int16_t *vector, int8_t *y)
{
    for (int32_t i = 0; i < p->batch; i++) {
        stapes_take_s8(p->inputs, x, vector);
        for (int32_t row = 0; row < p->outputs; row += 4) {
            int32_t values[4];
            stapes_rows(p, row, vector, values);
            for (int32_t j = 0; j < 4 && row + j < p->outputs; j++) {
                y[row + j] = (int8_t)values[j];
            }
        }
        x += p->inputs;
        y += p->outputs;
    }
}
