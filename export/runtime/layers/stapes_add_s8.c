#include "stapes_elementwise.h"
#include "stapes_quick_s8.h"

static void add_row(const stapes_add_params *p, stapes_walk over, const int8_t *x_1, const int8_t *x_2, int8_t *y)
{
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int8_t)stapes_add(p, *x_1, *x_2);
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

/* The same by upper halves of products; the exact operand comes first. */
static void quick_row(const stapes_quick_add_params *add, stapes_walk over, const int8_t *exact, const int8_t *x,
                      int8_t *y)
{
    const stapes_quick_add_params p = *add;
    if (over.step_1 == 1 && over.step_2 == 1) {
        for (int32_t i = 0; i < over.size; i++) {
            y[i] = (int8_t)stapes_quick_add(&p, exact[i], x[i]);
        }
        return;
    }
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int8_t)stapes_quick_add(&p, *exact, *x);
        exact += over.step_1;
        x += over.step_2;
    }
}

void stapes_add_s8(const stapes_add_params *p, const stapes_broadcast *over, const int8_t *x_1, const int8_t *x_2,
                   int8_t *y)
{
    const int32_t *extent = over->extent;
    const stapes_walk row = {extent[3], over->step_1[3], over->step_2[3]};
    const stapes_walk swapped = {row.size, row.step_2, row.step_1};
    const bool quick = stapes_quick_add_fits_s8(p);
    stapes_quick_add_params add = {0};
    if (quick) {
        add = stapes_quick_add_of_s8(p);
    }
    for (int32_t a = 0; a < extent[0]; a++) {
        for (int32_t b = 0; b < extent[1]; b++) {
            for (int32_t c = 0; c < extent[2]; c++) {
                const int8_t *row_1 = x_1 + (a * over->step_1[0] + b * over->step_1[1] + c * over->step_1[2]);
                const int8_t *row_2 = x_2 + (a * over->step_2[0] + b * over->step_2[1] + c * over->step_2[2]);
                if (!quick) {
                    add_row(p, row, row_1, row_2, y);
                } else if (add.second_is_exact) {
                    quick_row(&add, swapped, row_2, row_1, y);
                } else {
                    quick_row(&add, row, row_1, row_2, y);
                }
                y += row.size;
            }
        }
    }
}
