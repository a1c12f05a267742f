#include "stapes_arithmetic.h"
#include "stapes_nn.h"

void stapes_leaky_relu_s16(const stapes_leaky_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i] - p->input_zero_point;
        const int32_t scaled =
            value >= 0 ? stapes_requantise_double(value, p->multiplier_identity_q31, p->shift_identity)
                       : stapes_requantise_double(value, p->multiplier_alpha_q31, p->shift_alpha);
        y[i] = (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
    }
}
