#include "stapes_arithmetic.h"
#include "stapes_quick_s16.h"

void stapes_quantize_s16_s16(const stapes_quantize_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    if (p->input_zero_point == 0 && stapes_quick_scale_fits(p->multiplier_q31, p->shift, 0)) {
        const stapes_quick_scale scale = stapes_quick_scale_of(p->multiplier_q31, p->shift, 0);
        for (int32_t i = 0; i < size; i++) {
            const int32_t scaled = stapes_quick_rescale(&scale, x[i]);
            y[i] = (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
        }
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        const int32_t scaled = stapes_requantise_double(x[i] - p->input_zero_point, p->multiplier_q31, p->shift);
        y[i] = (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
    }
}
