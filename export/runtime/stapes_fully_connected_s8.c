#include "stapes_arithmetic.h"
#include "stapes_dot.h"
#include "stapes_nn.h"

void stapes_fully_connected_s8(const stapes_fully_connected_params *p, const int8_t *x, int8_t *y)
{
    for (int32_t vector = 0; vector < p->batch; vector++) {
        const int8_t *weights = p->weights;
        for (int32_t row = 0; row < p->outputs; row++) {
            const int32_t sum = p->bias[row] + stapes_dot_s8_s8(weights, x, p->inputs);
            const int32_t scaled = stapes_requantise_double(sum, p->multiplier_q31[row], p->shift[row]);
            y[row] = (int8_t)stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
            weights += p->inputs;
        }
        x += p->inputs;
        y += p->outputs;
    }
}
