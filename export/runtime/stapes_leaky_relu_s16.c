#include "stapes_elementwise.h"
#include "stapes_quick_s16.h"

static bool is_quick(const stapes_leaky_relu_params *p)
{
    const int32_t slope = p->multiplier_alpha_q31;
    return p->input_zero_point == 0 && p->output_zero_point == 0 && p->output_min == INT16_MIN &&
           p->output_max == INT16_MAX &&
           stapes_quick_scale_fits(p->multiplier_identity_q31, p->shift_identity, 0) &&
           stapes_quick_scale_fits(slope < 0 ? -slope : slope, p->shift_alpha, 0);
}

/* Values from zero on as they are. */
static void quick_below(const stapes_quick_scale *below, int32_t sign, int32_t size, const int16_t *x, int16_t *y)
{
    const stapes_quick_scale scale = *below;
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i];
        y[i] = (int16_t)(value >= 0 ? value : stapes_saturate_s16(sign * stapes_quick_rescale(&scale, value)));
    }
}

static void quick(const stapes_leaky_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    const int32_t slope = p->multiplier_alpha_q31;
    const int32_t sign = slope < 0 ? -1 : 1;
    const stapes_quick_scale above = stapes_quick_scale_of(p->multiplier_identity_q31, p->shift_identity, 0);
    const stapes_quick_scale below = stapes_quick_scale_of(sign * slope, p->shift_alpha, 0);
    if (p->multiplier_identity_q31 == 1 << 30 && p->shift_identity == 1) {
        quick_below(&below, sign, size, x, y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i];
        const int32_t scaled =
            value >= 0 ? stapes_quick_rescale(&above, value) : sign * stapes_quick_rescale(&below, value);
        y[i] = (int16_t)stapes_saturate_s16(scaled);
    }
}

void stapes_leaky_relu_s16(const stapes_leaky_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    if (is_quick(p)) {
        quick(p, size, x, y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        y[i] = (int16_t)stapes_leaky_relu(p, x[i]);
    }
}
