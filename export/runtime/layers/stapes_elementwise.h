#ifndef STAPES_ELEMENTWISE_H
#define STAPES_ELEMENTWISE_H

/* The elementwise operators on one value, shared by their kernels and by the fused ones: the bits are the same. */

#include "../arithmetic/stapes_arithmetic.h"
#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_layers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A row of an operator with two operands: its values and the steps from one to the next. */
typedef struct {
    int32_t size, step_1, step_2;
} stapes_walk;

/* ADD or SUB: both inputs on a common scale, then to the output's. */
static inline int32_t stapes_add(const stapes_add_params *p, int32_t x_1, int32_t x_2)
{
    const int32_t common_1 = stapes_requantise_double(stapes_shift_left(x_1 - p->zero_point_1, p->left_shift),
                                                      p->multiplier_1_q31, p->shift_1);
    const int32_t common_2 = stapes_requantise_double(stapes_shift_left(x_2 - p->zero_point_2, p->left_shift),
                                                      p->multiplier_2_q31, p->shift_2);
    const int32_t sum = p->subtract ? common_1 - common_2 : common_1 + common_2;
    const int32_t scaled = stapes_requantise_double(sum, p->output_multiplier_q31, p->output_shift);
    return stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
}

static inline int32_t stapes_mul(const stapes_mul_params *p, int32_t x_1, int32_t x_2)
{
    const int32_t product = (x_1 - p->zero_point_1) * (x_2 - p->zero_point_2);
    const int32_t scaled = stapes_requantise_double(product, p->multiplier_q31, p->shift);
    return stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
}

/* LEAKY_RELU: a negative slope rounds as its magnitude does, and the sign follows. */
static inline int32_t stapes_leaky_relu(const stapes_leaky_relu_params *p, int32_t x)
{
    const int32_t value = x - p->input_zero_point;
    int32_t scaled;
    if (value >= 0) {
        scaled = stapes_requantise_double(value, p->multiplier_identity_q31, p->shift_identity);
    } else if (p->multiplier_alpha_q31 >= 0) {
        scaled = stapes_requantise_double(value, p->multiplier_alpha_q31, p->shift_alpha);
    } else {
        scaled = -stapes_requantise_double(value, -p->multiplier_alpha_q31, p->shift_alpha);
    }
    return stapes_clamp_offset(scaled, p->output_zero_point, p->output_min, p->output_max);
}

/* ADD of int16 with scales that are powers of two and zero points 0. */
static inline int32_t stapes_aligned_add(const stapes_aligned_add_params *p, int32_t x_1, int32_t x_2)
{
    return stapes_saturate_s16(stapes_divide_high(x_1 * p->factor_1 + x_2 * p->factor_2, p->power));
}

/* ADD of int8 by upper halves of products: the operand that is exact on the common scale, and the other one. */
static inline int32_t stapes_quick_add(const stapes_quick_add_params *p, int32_t exact, int32_t other)
{
    const int32_t product = stapes_high_product(other * p->factor + p->offset, p->multiplier);
    const int32_t common = (product + (product >> 31) + p->nudge) >> p->right;
    const int32_t twice_sum = exact * (1 << 20) + p->exact_offset + 2 * common;
    const int32_t scaled = stapes_high_product(twice_sum, p->output_multiplier);
    return stapes_saturate_s8(stapes_add_high_product(p->output_zero_point, scaled + (scaled >> 31), p->output_power));
}

/* MUL of int8 by a gate, by upper halves of products. */
static inline int32_t stapes_quick_mul(const stapes_quick_mul_params *p, int32_t gate, int32_t x)
{
    const int32_t scaled = stapes_high_product(2 * (gate + 128) * (x - p->zero_point_2), p->multiplier);
    return stapes_saturate_s8(stapes_add_high_product(p->zero_point, scaled + (scaled >> 31), p->power));
}

/* MUL by the multiplier 2^-(right + 1), without the clamp: the two roundings of requantise_double; right >= 2. */
static inline int32_t stapes_mul_by_pot(int32_t x_1, int32_t x_2, int32_t right)
{
    return stapes_divide_high((x_1 * x_2 + 1) >> 1, (int32_t)1 << (32 - right));
}

/* round(x / 2), half away from zero. */
static inline int32_t stapes_half(int32_t x)
{
    return (x + 1 + (x >> 31)) >> 1;
}

static inline int8_t stapes_lut(const stapes_lut_params *p, int32_t x)
{
    return p->table[x + 128];
}

/* The curve from 0 on at |position|, an entry having `bits` of fraction; with the sign of the position, less 1 where
 * that is negative. `flat` is the entry beyond which the curve is flat.
 */
static inline int32_t stapes_sigmoid_curve(int32_t position, int32_t bits, int32_t flat)
{
    const int32_t sign = position >> 31;
    const uint32_t magnitude = (uint32_t)((position ^ sign) - sign);
    const uint32_t fraction = magnitude & ((1u << bits) - 1u);
    int32_t entry = stapes_clamp((int32_t)magnitude >> bits, 0, 255);
    entry += ((entry + 1) >> 8) * (flat - 255);
    return stapes_dual_product(stapes_sigmoid_steps[entry], (fraction << 16) | (1u << bits)) ^ sign;
}

static inline int32_t stapes_sigmoid_position(const stapes_sigmoid_params *p, int32_t x)
{
    const int32_t rounding = p->shift > 0 ? 1 << (p->shift - 1) : 0;
    return (x * p->multiplier + rounding) >> p->shift;
}

static inline int32_t stapes_logistic(const stapes_sigmoid_params *p, int32_t x)
{
    return (stapes_sigmoid_curve(stapes_sigmoid_position(p, x), 9, 255) + (1 << 24) + 512) >> 10;
}

static inline int32_t stapes_tanh(const stapes_sigmoid_params *p, int32_t x)
{
    return (stapes_sigmoid_curve(stapes_sigmoid_position(p, x), 8, 256) + 128) >> 8;
}

#ifdef __cplusplus
}
#endif

#endif
