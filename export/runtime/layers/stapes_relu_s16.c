#include "../arithmetic/stapes_arithmetic.h"
#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_layers.h"
#include "stapes_quick_s16.h"

/* x and y have one format, whose codes below zero become zero. */
static bool keeps_format(const stapes_relu_params *p)
{
    return p->multiplier_q31 == ((int32_t)1 << 30) && p->shift == 1 && p->input_zero_point == 0 &&
           p->output_zero_point == 0 && p->activation_min == 0 && p->activation_max == INT16_MAX;
}

static void rectify(int32_t size, const int16_t *x, int16_t *y)
{
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        stapes_write_pair(stapes_rectified_halves(stapes_read_pair(x + i)), y + i);
        stapes_write_pair(stapes_rectified_halves(stapes_read_pair(x + i + 2)), y + i + 2);
    }
    for (; i < size; i++) {
        y[i] = x[i] > 0 ? x[i] : (int16_t)0;
    }
}

void stapes_relu_s16(const stapes_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    if (keeps_format(p)) {
        rectify(size, x, y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        const int32_t scaled = stapes_requantise_double(x[i] - p->input_zero_point, p->multiplier_q31, p->shift);
        y[i] = (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
    }
}
