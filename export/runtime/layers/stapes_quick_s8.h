#ifndef STAPES_QUICK_S8_H
#define STAPES_QUICK_S8_H

/* Elementwise operators with int8 by upper halves of products, with the bits of stapes_elementwise.h: what they compute
 * from their parameters alone is computed once for many values. The formats that this holds for are those that operators
 * of int8 have in practice; stapes_quick_*_fits_s8 tells.
 */

#include <stdbool.h>

#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_layers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x to another scale and zero point: t = round((x * factor + offset) * multiplier / 2^32), then
 * round(t / 2^right), half away from zero, the output's zero point in `nudge`.
 */
typedef struct {
    int32_t factor, offset, multiplier, right, nudge;
} stapes_quick_rescale_s8;

/* For x of at most 16 bits and a zero point of int8: what is shifted left stays within 32 bits. */
static inline bool stapes_quick_rescale_fits_s8(int32_t multiplier_q31, int32_t shift)
{
    return multiplier_q31 >= 0 && shift >= -15 && shift <= 14;
}

static inline stapes_quick_rescale_s8 stapes_quick_rescale_of_s8(int32_t input_zero_point, int32_t multiplier_q31,
                                                                 int32_t shift, int32_t output_zero_point)
{
    const int32_t factor = (int32_t)1 << ((shift > 0 ? shift : 0) + 1);
    const int32_t right = shift < 0 ? -shift : 0;
    const int32_t power = (int32_t)1 << right;
    const stapes_quick_rescale_s8 rescale = {factor, -input_zero_point * factor, multiplier_q31, right,
                                             output_zero_point * power + (power >> 1)};
    return rescale;
}

/* For right > 0. */
static inline int32_t stapes_quick_down_s8(stapes_quick_rescale_s8 r, int32_t x)
{
    const int32_t scaled = stapes_high_product(x * r.factor + r.offset, r.multiplier);
    return (scaled + (scaled >> 31) + r.nudge) >> r.right;
}

/* For right = 0. */
static inline int32_t stapes_quick_up_s8(stapes_quick_rescale_s8 r, int32_t x)
{
    return stapes_add_high_product(r.nudge, x * r.factor + r.offset, r.multiplier);
}

static inline int32_t stapes_quick_rescaled_s8(stapes_quick_rescale_s8 r, int32_t x)
{
    return r.right > 0 ? stapes_quick_down_s8(r, x) : stapes_quick_up_s8(r, x);
}

static inline bool stapes_quick_is_exact_s8(int32_t multiplier_q31, int32_t shift)
{
    return multiplier_q31 == 1 << 30 && shift == 0;
}

/* ADD: no activation, one operand exact on the common scale, where it is shifted left by 19 bits. */
static inline bool stapes_quick_add_fits_s8(const stapes_add_params *p)
{
    const bool exact = stapes_quick_is_exact_s8(p->multiplier_1_q31, p->shift_1) ||
                       stapes_quick_is_exact_s8(p->multiplier_2_q31, p->shift_2);
    return exact && !p->subtract && p->left_shift == 20 && p->activation_min == INT8_MIN &&
           p->activation_max == INT8_MAX && p->shift_1 <= 0 && p->shift_1 >= -30 && p->shift_2 <= 0 &&
           p->shift_2 >= -30 && p->output_shift <= -2 && p->output_shift >= -30;
}

/* stapes_quick_add computes it; an operand that is exact too is shifted left by two bits more, and back. */
static inline stapes_quick_add_params stapes_quick_add_of_s8(const stapes_add_params *p)
{
    const bool second = !stapes_quick_is_exact_s8(p->multiplier_1_q31, p->shift_1);
    const int32_t other_shift = second ? p->shift_1 : p->shift_2;
    const int32_t factor = other_shift == 0 ? 1 << 23 : 1 << 21;
    const int32_t right = other_shift == 0 ? 2 : -other_shift;
    const stapes_quick_add_params add = {
        second,
        -(second ? p->zero_point_2 : p->zero_point_1) * (1 << 20),
        factor,
        -(second ? p->zero_point_1 : p->zero_point_2) * factor,
        second ? p->multiplier_1_q31 : p->multiplier_2_q31,
        1 << (right - 1),
        right,
        p->output_multiplier_q31,
        (int32_t)1 << (32 + p->output_shift),
        p->output_zero_point,
    };
    return add;
}

/* MUL: no activation, a multiplier of at most one quarter. */
static inline bool stapes_quick_mul_fits_s8(const stapes_mul_params *p)
{
    return p->activation_min == INT8_MIN && p->activation_max == INT8_MAX && p->shift <= -2 && p->shift >= -30;
}

#ifdef __cplusplus
}
#endif

#endif
