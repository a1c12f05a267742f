#include "stapes_elementwise.h"
#include "stapes_quick_s8.h"

static void mul_row(const stapes_mul_params *p, stapes_walk over, const int8_t *x_1, const int8_t *x_2, int8_t *y)
{
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int8_t)stapes_mul(p, *x_1, *x_2);
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

/* The same by upper halves of products. */
static void quick_row(const stapes_mul_params *p, stapes_walk over, const int8_t *x_1, const int8_t *x_2, int8_t *y)
{
    const int32_t twice_zero_point_1 = 2 * p->zero_point_1, zero_point_2 = p->zero_point_2;
    const int32_t multiplier = p->multiplier_q31, power = (int32_t)1 << (32 + p->shift);
    const int32_t output_zero_point = p->output_zero_point;
    for (int32_t i = 0; i < over.size; i++) {
        const int32_t twice_product = (2 * *x_1 - twice_zero_point_1) * (*x_2 - zero_point_2);
        const int32_t scaled = stapes_high_product(twice_product, multiplier);
        y[i] = (int8_t)stapes_saturate_s8(stapes_add_high_product(output_zero_point, scaled + (scaled >> 31), power));
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

void stapes_mul_s8(const stapes_mul_params *p, const stapes_broadcast *over, const int8_t *x_1, const int8_t *x_2,
                   int8_t *y)
{
    const int32_t *extent = over->extent;
    const stapes_walk row = {extent[3], over->step_1[3], over->step_2[3]};
    const bool quick = stapes_quick_mul_fits_s8(p);
    for (int32_t a = 0; a < extent[0]; a++) {
        for (int32_t b = 0; b < extent[1]; b++) {
            for (int32_t c = 0; c < extent[2]; c++) {
                const int32_t at_1 = a * over->step_1[0] + b * over->step_1[1] + c * over->step_1[2];
                const int32_t at_2 = a * over->step_2[0] + b * over->step_2[1] + c * over->step_2[2];
                if (quick) {
                    quick_row(p, row, x_1 + at_1, x_2 + at_2, y);
                } else {
                    mul_row(p, row, x_1 + at_1, x_2 + at_2, y);
                }
                y += row.size;
            }
        }
    }
}
