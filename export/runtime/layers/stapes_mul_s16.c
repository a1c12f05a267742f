#include "stapes_elementwise.h"
#include "stapes_quick_s16.h"

static void mul_row(const stapes_mul_params *p, stapes_walk over, const int16_t *x_1, const int16_t *x_2, int16_t *y)
{
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int16_t)stapes_mul(p, *x_1, *x_2);
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

static void quick_row(int32_t multiplier_q31, int32_t power, stapes_walk over, const int16_t *x_1, const int16_t *x_2,
                      int16_t *y)
{
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int16_t)stapes_quick_mul_s16(multiplier_q31, power, *x_1, *x_2);
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

/* A dense row by one value, the same for all rows, which lie `step` values one behind the other. Twice the value must not
 * be -2^16.
 */
static void quick_column(int32_t multiplier_q31, int32_t power, int32_t rows, int32_t step, const int16_t *x,
                         int32_t twice_value, int16_t *y)
{
    for (int32_t i = 0; i < rows; i++) {
        *y = (int16_t)stapes_quick_mul_twice(multiplier_q31, power, *x, twice_value);
        x += step;
        y += step;
    }
}

/* Rows by one row, column by column. */
static void quick_columns(const stapes_mul_params *p, const stapes_broadcast *over, const int16_t *x_1,
                          const int16_t *x_2, int16_t *y)
{
    const int32_t power = stapes_quick_power(p->shift);
    for (int32_t i = 0; i < over->extent[3]; i++) {
        if (x_2[i] == INT16_MIN) {
            const stapes_walk column = {1, 0, 0};
            for (int32_t j = 0; j < over->extent[2]; j++) {
                const int32_t at = j * over->extent[3] + i;
                quick_row(p->multiplier_q31, power, column, x_1 + at, x_2 + i, y + at);
            }
        } else {
            quick_column(p->multiplier_q31, power, over->extent[2], over->extent[3], x_1 + i, 2 * x_2[i], y + i);
        }
    }
}

/* Whether the second operand is one row for all rows of a dense first one. */
static bool is_by_column(const stapes_broadcast *over)
{
    return over->extent[0] == 1 && over->extent[1] == 1 && over->extent[2] > 1 && over->step_1[2] == over->extent[3] &&
           over->step_1[3] == 1 && over->step_2[2] == 0 && over->step_2[3] == 1;
}

void stapes_mul_s16(const stapes_mul_params *p, const stapes_broadcast *over, const int16_t *x_1, const int16_t *x_2,
                    int16_t *y)
{
    const int32_t *extent = over->extent;
    const stapes_walk row = {extent[3], over->step_1[3], over->step_2[3]};
    const bool quick = stapes_quick_mul_fits(p);
    if (quick && is_by_column(over)) {
        quick_columns(p, over, x_1, x_2, y);
        return;
    }
    for (int32_t a = 0; a < extent[0]; a++) {
        for (int32_t b = 0; b < extent[1]; b++) {
            for (int32_t c = 0; c < extent[2]; c++) {
                const int32_t at_1 = a * over->step_1[0] + b * over->step_1[1] + c * over->step_1[2];
                const int32_t at_2 = a * over->step_2[0] + b * over->step_2[1] + c * over->step_2[2];
                if (quick) {
                    quick_row(p->multiplier_q31, stapes_quick_power(p->shift), row, x_1 + at_1, x_2 + at_2, y);
                } else {
                    mul_row(p, row, x_1 + at_1, x_2 + at_2, y);
                }
                y += row.size;
            }
        }
    }
}
