#ifndef STAPES_ELEMENTWISE_H
#define STAPES_ELEMENTWISE_H

/* The elementwise operators on one value, shared by their kernels and by the fused ones: the bits are the same. */

#include "stapes_arithmetic.h"
#include "stapes_nn.h"

#ifdef __cplusplus
extern "C" {
#endif

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
    const int32_t sum = stapes_shift_left(x_1, p->shift_1) + stapes_shift_left(x_2, p->shift_2);
    return stapes_clamp(stapes_rounding_divide_by_pot(sum, p->right), INT16_MIN, INT16_MAX);
}

/* MUL by the multiplier 2^-(right + 1), without the clamp: the two roundings of requantise_double. */
static inline int32_t stapes_mul_by_pot(int32_t x_1, int32_t x_2, int32_t right)
{
    return stapes_rounding_divide_by_pot((x_1 * x_2 + 1) >> 1, right);
}

static inline int8_t stapes_lut(const stapes_lut_params *p, int32_t x)
{
    return p->table[x + 128];
}

/* Beyond the last entry of the table the curve is flat at the largest 16-bit value. */
static inline int32_t stapes_sigmoid(const stapes_sigmoid_params *p, int32_t x)
{
    const int32_t rounding = p->shift > 0 ? 1 << (p->shift - 1) : 0;
    const int32_t position = (x * p->multiplier + rounding) >> p->shift;
    const int32_t magnitude = position < 0 ? -position : position;
    const int32_t fraction_bits = p->tanh ? 8 : 9;
    const int32_t entry = magnitude >> fraction_bits;
    const int32_t fraction = magnitude & ((1 << fraction_bits) - 1);
    int32_t curve;
    if (entry >= 255) {
        curve = p->tanh ? 0xFFFF << 8 : 0x7FFF << 10;
    } else {
        const int32_t low = stapes_sigmoid_q16[entry];
        curve = (low << fraction_bits) + fraction * (stapes_sigmoid_q16[entry + 1] - low);
    }
    if (p->tanh) {
        return (position >= 0 ? curve - (1 << 23) + 128 : -curve + (1 << 23) + 127) >> 8;
    }
    return (position >= 0 ? curve + 512 : (1 << 25) - curve + 511) >> 10;
}

#ifdef __cplusplus
}
#endif

#endif
