#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_layers.h"

void stapes_quantize_s16_s32(const stapes_quantize_params *p, int32_t size, const int16_t *x, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        const int32_t scaled = stapes_requantise_double(x[i] - p->input_zero_point, p->multiplier_q31, p->shift);
        y[i] = stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
    }
}
