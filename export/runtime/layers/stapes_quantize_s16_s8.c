#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_quick_s8.h"

static void quick(stapes_quick_rescale_s8 r, int32_t size, const int16_t *x, int8_t *y)
{
    if (r.right > 0) {
        for (int32_t i = 0; i < size; i++) {
            y[i] = (int8_t)stapes_saturate_s8(stapes_quick_down_s8(r, x[i]));
        }
    } else {
        for (int32_t i = 0; i < size; i++) {
            y[i] = (int8_t)stapes_saturate_s8(stapes_quick_up_s8(r, x[i]));
        }
    }
}

void stapes_quantize_s16_s8(const stapes_quantize_params *p, int32_t size, const int16_t *x, int8_t *y)
{
    if (p->output_min == INT8_MIN && p->output_max == INT8_MAX &&
        stapes_quick_rescale_fits_s8(p->multiplier_q31, p->shift)) {
        quick(stapes_quick_rescale_of_s8(p->input_zero_point, p->multiplier_q31, p->shift, p->output_zero_point), size,
              x, y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        const int32_t scaled = stapes_requantise_double(x[i] - p->input_zero_point, p->multiplier_q31, p->shift);
        y[i] = (int8_t)stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
    }
}
