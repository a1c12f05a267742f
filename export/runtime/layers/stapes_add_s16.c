#include "../stapes_core.h"
#include "stapes_elementwise.h"
#include "stapes_quick_s16.h"

static void add_row(const stapes_add_params *p, stapes_walk over, const int16_t *x_1, const int16_t *x_2, int16_t *y)
{
    for (int32_t i = 0; i < over.size; i++) {
        y[i] = (int16_t)stapes_add(p, *x_1, *x_2);
        x_1 += over.step_1;
        x_2 += over.step_2;
    }
}

/* The same by upper halves of products; the exact operand comes first. */
static void quick_row(const stapes_add_params *p, const stapes_quick_scale *other, stapes_walk over,
                      const int16_t *exact, const int16_t *x, int16_t *y)
{
    const stapes_quick_scale scale = *other;
    const int32_t multiplier = p->output_multiplier_q31;
    const int32_t power = stapes_quick_power(p->output_shift);
    for (int32_t i = 0; i < over.size; i++) {
        const int32_t sum = stapes_quick_exact(*exact) + stapes_quick_rescale(&scale, *x);
        y[i] = (int16_t)stapes_quick_twice_sum(multiplier, power, 2 * sum);
        exact += over.step_1;
        x += over.step_2;
    }
}

#if STAPES_CORTEX_M7

/* Two dense rows, the exact operand first, the other one shifted to the right by at least one bit. */
typedef struct {
    int32_t multiplier, nudge, right, output_multiplier, power;
} pair_scales;

static inline int32_t one_sum(pair_scales s, int32_t product, int32_t exact, bool upper)
{
    const int32_t common = (product + (product >> 31) + s.nudge) >> s.right;
    const int32_t sum = upper ? stapes_add_upper_halves(common, exact, 1 << 30)
                              : stapes_add_low_halves(common, exact, 1 << 14);
    return stapes_quick_twice_sum(s.output_multiplier, s.power, sum * 2);
}

static inline int32_t pair_sum(pair_scales s, int32_t exact, int32_t x)
{
    const int32_t low = stapes_high_product((int32_t)((uint32_t)x << 16), s.multiplier);
    const int32_t upper = stapes_high_product(stapes_upper_alone(x), s.multiplier);
    return stapes_join_halves(one_sum(s, low, exact, false), one_sum(s, upper, exact, true));
}

static void quick_pairs(const stapes_add_params *p, const stapes_quick_scale *other, int32_t size, const int16_t *exact,
                        const int16_t *x, int16_t *y)
{
    const pair_scales s = {other->multiplier, other->nudge, other->right, p->output_multiplier_q31,
                           stapes_quick_power(p->output_shift)};
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        stapes_write_pair(pair_sum(s, stapes_read_pair(exact + i), stapes_read_pair(x + i)), y + i);
        stapes_write_pair(pair_sum(s, stapes_read_pair(exact + i + 2), stapes_read_pair(x + i + 2)), y + i + 2);
    }
    for (; i < size; i++) {
        const int32_t product = stapes_high_product(x[i] * (1 << 16), s.multiplier);
        y[i] = (int16_t)one_sum(s, product, exact[i], false);
    }
}

static void quick(const stapes_add_params *p, const stapes_quick_scale *other, stapes_walk over, const int16_t *exact,
                  const int16_t *x, int16_t *y)
{
    if (over.step_1 == 1 && over.step_2 == 1 && other->right > 0) {
        quick_pairs(p, other, over.size, exact, x, y);
    } else {
        quick_row(p, other, over, exact, x, y);
    }
}

#else

/* Two dense rows, the exact operand first, the other one shifted to the right: half goes away from zero. */
static void quick_dense(const stapes_add_params *p, const stapes_quick_scale *other, int32_t size, const int16_t *exact,
                        const int16_t *x, int16_t *y)
{
    const stapes_quick_scale scale = *other;
    const int32_t multiplier = p->output_multiplier_q31;
    const int32_t power = stapes_quick_power(p->output_shift);
    for (int32_t i = 0; i < size; i++) {
        const int32_t product = stapes_high_product(x[i] * (1 << 16), scale.multiplier);
        const int32_t common = (product + (product >> 31) + scale.nudge) >> scale.right;
        y[i] = (int16_t)stapes_quick_twice_sum(multiplier, power, 2 * (common + stapes_quick_exact(exact[i])));
    }
}

static void quick(const stapes_add_params *p, const stapes_quick_scale *other, stapes_walk over, const int16_t *exact,
                  const int16_t *x, int16_t *y)
{
    if (over.step_1 == 1 && over.step_2 == 1 && other->right > 0) {
        quick_dense(p, other, over.size, exact, x, y);
    } else {
        quick_row(p, other, over, exact, x, y);
    }
}

#endif

static void any_row(const stapes_add_params *p, stapes_walk over, const int16_t *x_1, const int16_t *x_2, int16_t *y)
{
    if (!stapes_quick_add_fits(p)) {
        add_row(p, over, x_1, x_2, y);
    } else if (stapes_quick_is_exact(p->multiplier_1_q31, p->shift_1)) {
        const stapes_quick_scale second = stapes_quick_scale_of(p->multiplier_2_q31, p->shift_2, p->left_shift);
        quick(p, &second, over, x_1, x_2, y);
    } else {
        const stapes_quick_scale first = stapes_quick_scale_of(p->multiplier_1_q31, p->shift_1, p->left_shift);
        const stapes_walk swapped = {over.size, over.step_2, over.step_1};
        quick(p, &first, swapped, x_2, x_1, y);
    }
}

void stapes_add_s16(const stapes_add_params *p, const stapes_broadcast *over, const int16_t *x_1, const int16_t *x_2,
                    int16_t *y)
{
    const int32_t *extent = over->extent;
    const stapes_walk row = {extent[3], over->step_1[3], over->step_2[3]};
    for (int32_t a = 0; a < extent[0]; a++) {
        for (int32_t b = 0; b < extent[1]; b++) {
            for (int32_t c = 0; c < extent[2]; c++) {
                const int32_t at_1 = a * over->step_1[0] + b * over->step_1[1] + c * over->step_1[2];
                const int32_t at_2 = a * over->step_2[0] + b * over->step_2[1] + c * over->step_2[2];
                any_row(p, row, x_1 + at_1, x_2 + at_2, y);
                y += row.size;
            }
        }
    }
}
