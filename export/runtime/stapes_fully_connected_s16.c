#include "stapes_arithmetic.h"
#include "stapes_rows.h"

enum { BLOCKS_AT_ONCE = 8 };

void stapes_fully_connected_s16(const stapes_fully_connected_params *p, const int16_t *x, int16_t *vector, int16_t *y)
{
    for (int32_t i = 0; i < p->batch; i++) {
        stapes_take_s16(p->matrix.inputs, x, vector);
        for (int32_t row = 0; row < p->outputs; row += 4 * BLOCKS_AT_ONCE) {
            int16_t values[4 * BLOCKS_AT_ONCE];
            const int32_t count = p->outputs - row < 4 * BLOCKS_AT_ONCE ? p->outputs - row : 4 * BLOCKS_AT_ONCE;
            stapes_rows(&p->matrix, row / 4, (count + 3) / 4, vector, values);
            for (int32_t j = 0; j < count; j++) {
                y[row + j] = (int16_t)stapes_clamp(values[j], p->activation_min, p->activation_max);
            }
        }
        x += p->matrix.inputs;
        y += p->outputs;
    }
}
