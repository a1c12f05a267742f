#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_quick_s16.h"

void stapes_quantize_s16_s16(const stapes_quantize_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    if (p->input_zero_point == 0 && p->output_zero_point == 0 && p->output_min == INT16_MIN &&
        p->output_max == INT16_MAX && stapes_quick_line_fits(p->multiplier_q31, p->shift)) {
        stapes_quick_bend(stapes_quick_line_of(p->multiplier_q31, p->shift, false),
                          stapes_quick_line_of(p->multiplier_q31, p->shift, true), size, x, y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        const int32_t scaled = stapes_requantise_double(x[i] - p->input_zero_point, p->multiplier_q31, p->shift);
        y[i] = (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
    }
}
