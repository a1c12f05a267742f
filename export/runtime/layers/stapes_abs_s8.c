#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_layers.h"

void stapes_abs_s8(const stapes_abs_params *p, int32_t size, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i] - p->input_zero_point;
        const int32_t magnitude = value < 0 ? -value : value;
        const int32_t scaled = p->rescale ? stapes_requantise_double(magnitude, p->multiplier_q31, p->shift)
                                          : magnitude;
        y[i] = (int8_t)stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
    }
}
