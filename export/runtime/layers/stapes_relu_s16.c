#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_layers.h"

void stapes_relu_s16(const stapes_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        const int32_t scaled = stapes_requantise_double(x[i] - p->input_zero_point, p->multiplier_q31, p->shift);
        y[i] = (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
    }
}
