#include "stapes_elementwise.h"
#include "stapes_quick_s8.h"

static bool is_quick(const stapes_leaky_relu_params *p)
{
    return p->output_min == INT8_MIN && p->output_max == INT8_MAX &&
           stapes_quick_rescale_fits_s8(p->multiplier_identity_q31, p->shift_identity) &&
           stapes_quick_rescale_fits_s8(p->multiplier_alpha_q31, p->shift_alpha);
}

/* By upper halves of products. */
static void quick(const stapes_leaky_relu_params *p, int32_t size, const int8_t *x, int8_t *y)
{
    const int32_t zero_point = p->input_zero_point;
    const stapes_quick_rescale_s8 above = stapes_quick_rescale_of_s8(zero_point, p->multiplier_identity_q31,
                                                                     p->shift_identity, p->output_zero_point);
    const stapes_quick_rescale_s8 below = stapes_quick_rescale_of_s8(zero_point, p->multiplier_alpha_q31,
                                                                     p->shift_alpha, p->output_zero_point);
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i];
        y[i] = (int8_t)stapes_saturate_s8(value >= zero_point ? stapes_quick_rescaled_s8(above, value)
                                                              : stapes_quick_rescaled_s8(below, value));
    }
}

void stapes_leaky_relu_s8(const stapes_leaky_relu_params *p, int32_t size, const int8_t *x, int8_t *y)
{
    if (is_quick(p)) {
        quick(p, size, x, y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        y[i] = (int8_t)stapes_leaky_relu(p, x[i]);
    }
}
