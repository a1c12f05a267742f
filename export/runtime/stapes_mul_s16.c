#include "stapes_elementwise.h"
#include "stapes_quick_s16.h"

static void mul_row(const stapes_mul_params *p, stapes_quick_walk over, const int16_t *x_1, const int16_t *x_2, int16_t *y)
{
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int16_t)stapes_mul(p, *x_1, *x_2);
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

static void quick_row(const stapes_mul_params *p, stapes_quick_walk over, const int16_t *x_1, const int16_t *x_2, int16_t *y)
{
    const int32_t power = stapes_quick_power(p->shift);
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int16_t)stapes_quick_mul_s16(p->multiplier_q31, power, *x_1, *x_2);
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

void stapes_mul_s16(const stapes_mul_params *p, const stapes_broadcast *over, const int16_t *x_1, const int16_t *x_2,
                    int16_t *y)
{
    const int32_t *extent = over->extent;
    const stapes_quick_walk row = {extent[3], over->step_1[3], over->step_2[3]};
    const bool quick = stapes_quick_mul_fits(p);
    for (int32_t a = 0; a < extent[0]; a++) {
        for (int32_t b = 0; b < extent[1]; b++) {
            for (int32_t c = 0; c < extent[2]; c++) {
                const int32_t at_1 = a * over->step_1[0] + b * over->step_1[1] + c * over->step_1[2];
                const int32_t at_2 = a * over->step_2[0] + b * over->step_2[1] + c * over->step_2[2];
                (quick ? quick_row : mul_row)(p, row, x_1 + at_1, x_2 + at_2, y);
                y += row.size;
            }
        }
    }
}
