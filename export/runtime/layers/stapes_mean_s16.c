#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_layers.h"

void stapes_mean_s16(const stapes_mean_params *p, const int16_t *x, int16_t *y)
{
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            int32_t sum = -p->count * p->input_zero_point;
            for (int32_t i = 0; i < p->count; i++) {
                sum += x[i * p->inner + inner];
            }
            const int32_t scaled = stapes_requantise_double(sum, p->multiplier_q31, p->shift);
            *y++ = (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
        }
        x += p->count * p->inner;
    }
}
