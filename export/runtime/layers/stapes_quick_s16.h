#ifndef STAPES_QUICK_S16_H
#define STAPES_QUICK_S16_H

/* Elementwise operators of int16 by upper halves of products, with the bits of stapes_elementwise.h: what they compute
 * from their parameters alone is computed once for many values. The formats that this holds for are those that operators
 * of int16 have in practice; stapes_quick_*_fits tells.
 */

#include <stdbool.h>
#include <string.h>

#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_layers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x to another scale: round(round(x * factor * multiplier / 2^32) / 2^right), what stapes_requantise_double gives. */
typedef struct {
    int32_t factor, multiplier, right, nudge;
    int32_t sign; /* all ones where something is shifted out, for then half goes away from zero */
} stapes_quick_scale;

static inline bool stapes_quick_scale_fits(int32_t multiplier_q31, int32_t shift, int32_t left_shift)
{
    return multiplier_q31 >= 0 && shift >= -30 && (shift > 0 ? shift : 0) + left_shift <= 15;
}

static inline stapes_quick_scale stapes_quick_scale_of(int32_t multiplier_q31, int32_t shift, int32_t left_shift)
{
    const int32_t left = (shift > 0 ? shift : 0) + left_shift + 1;
    const int32_t right = shift < 0 ? -shift : 0;
    const stapes_quick_scale scale = {1 << left, multiplier_q31, right, right > 0 ? 1 << (right - 1) : 0,
                                      right > 0 ? -1 : 0};
    return scale;
}

static inline int32_t stapes_quick_rescale(const stapes_quick_scale *scale, int32_t x)
{
    const int32_t product = stapes_high_product(x * scale->factor, scale->multiplier);
    return (product + ((product >> 31) & scale->sign) + scale->nudge) >> scale->right;
}

/* Two values in a word, and back. */
static inline int32_t stapes_read_pair(const int16_t *x)
{
    int32_t both;
    (void)memcpy((uint8_t *)&both, (const uint8_t *)x, sizeof both);
    return both;
}

static inline void stapes_write_pair(int32_t both, int16_t *y)
{
    (void)memcpy((uint8_t *)y, (const uint8_t *)&both, sizeof both);
}

/* What stapes_requantise_double gives for values of one sign: (x * multiplier / 2^16 + nudge) / 2^shift, both rounded
 * downwards. Divisions that round downwards one behind the other are one division, and both times half is added; half
 * goes away from zero the second time, which takes one off in between where x is negative.
 */
typedef struct {
    int32_t multiplier, nudge, shift;
} stapes_quick_line;

static inline bool stapes_quick_line_fits(int32_t multiplier_q31, int32_t shift)
{
    return multiplier_q31 >= 0 && shift >= -15 && shift <= 14;
}

static inline stapes_quick_line stapes_quick_line_of(int32_t multiplier_q31, int32_t shift, bool negative)
{
    stapes_quick_line line = {multiplier_q31, 0, 15 - shift};
    if (shift >= 0) {
        line.nudge = 1 << (14 - shift);
    } else {
        line.nudge = (1 << (14 - shift)) + (negative ? -(1 << 14) : 1 << 14);
    }
    return line;
}

static inline int32_t stapes_quick_low(stapes_quick_line line, int32_t pair)
{
    return stapes_add_low_product(line.nudge, line.multiplier, pair) >> line.shift;
}

static inline int32_t stapes_quick_upper(stapes_quick_line line, int32_t pair)
{
    return stapes_add_upper_product(line.nudge, line.multiplier, pair) >> line.shift;
}

/* Both values of a pair by one line, saturated. */
static inline int32_t stapes_quick_both(stapes_quick_line line, int32_t pair)
{
    return stapes_join_halves(stapes_saturate_s16(stapes_quick_low(line, pair)),
                              stapes_saturate_s16(stapes_quick_upper(line, pair)));
}

/* By one line from zero upwards and by another one below; the second function is for one that stays within 16 bits. */
static inline int32_t stapes_quick_bent(stapes_quick_line above, stapes_quick_line below, int32_t pair)
{
    return stapes_choose_by_sign(pair, stapes_quick_both(above, pair), stapes_quick_both(below, pair));
}

static inline int32_t stapes_quick_bent_down(stapes_quick_line above, stapes_quick_line below, int32_t pair)
{
    const int32_t downwards = stapes_join_halves(stapes_quick_low(below, pair), stapes_quick_upper(below, pair));
    return stapes_choose_by_sign(pair, stapes_quick_both(above, pair), downwards);
}

/* y[size] = x[size] by one line from zero upwards and by another one below, saturated. */
static inline void stapes_quick_bend(stapes_quick_line above, stapes_quick_line below, int32_t size, const int16_t *x,
                                     int16_t *y)
{
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        stapes_write_pair(stapes_quick_bent(above, below, stapes_read_pair(x + i)), y + i);
        stapes_write_pair(stapes_quick_bent(above, below, stapes_read_pair(x + i + 2)), y + i + 2);
    }
    for (; i < size; i++) {
        y[i] = (int16_t)stapes_saturate_s16(stapes_quick_low(x[i] >= 0 ? above : below, x[i]));
    }
}

/* Whether ADD has the form: no zero points, no activation, and the operand of the larger scale is exact on the common
 * scale, where it is shifted left by 14 bits.
 */
static inline bool stapes_quick_add_fits(const stapes_add_params *p)
{
    return !p->subtract && p->left_shift == 15 && p->zero_point_1 == 0 && p->zero_point_2 == 0 &&
           p->output_zero_point == 0 && p->activation_min == INT16_MIN && p->activation_max == INT16_MAX &&
           p->shift_1 <= 0 && p->shift_1 >= -30 && p->shift_2 <= 0 && p->shift_2 >= -30 && p->output_shift <= -2 &&
           p->output_shift >= -30;
}

static inline bool stapes_quick_is_exact(int32_t multiplier_q31, int32_t shift)
{
    return multiplier_q31 == 1 << 30 && shift == 0;
}

static inline int32_t stapes_quick_exact(int32_t x)
{
    return x * (1 << 14);
}

/* Twice the sum of both operands on the common scale, neither above 2^29, to the output; power is 2^(32 + output_shift). */
static inline int32_t stapes_quick_twice_sum(int32_t multiplier_q31, int32_t power, int32_t twice_sum)
{
    return stapes_saturate_s16(stapes_divide_high(stapes_high_product(twice_sum, multiplier_q31), power));
}

static inline int32_t stapes_quick_sum(const stapes_add_params *p, int32_t power, int32_t common_1, int32_t common_2)
{
    return stapes_quick_twice_sum(p->output_multiplier_q31, power, (common_1 + common_2) * 2);
}

static inline int32_t stapes_quick_power(int32_t shift)
{
    return (int32_t)1 << (32 + shift);
}

/* MUL: no zero points, no activation, a multiplier of at most one quarter. */
static inline bool stapes_quick_mul_fits(const stapes_mul_params *p)
{
    return p->zero_point_1 == 0 && p->zero_point_2 == 0 && p->output_zero_point == 0 &&
           p->activation_min == INT16_MIN && p->activation_max == INT16_MAX && p->shift <= -2 && p->shift >= -31;
}

static inline int32_t stapes_quick_mul_s16(int32_t multiplier_q31, int32_t power, int32_t x_1, int32_t x_2)
{
    const int32_t scaled = (int32_t)(((int64_t)(x_1 * x_2) * multiplier_q31 + ((int64_t)1 << 30)) >> 31);
    return stapes_saturate_s16(stapes_divide_high(scaled, power));
}

/* The same of x_1 and half of `twice_x_2`, which is not -2^16. */
static inline int32_t stapes_quick_mul_twice(int32_t multiplier_q31, int32_t power, int32_t x_1, int32_t twice_x_2)
{
    return stapes_saturate_s16(stapes_divide_high(stapes_high_product(x_1 * twice_x_2, multiplier_q31), power));
}

#ifdef __cplusplus
}
#endif

#endif
