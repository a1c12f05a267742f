#ifndef STAPES_LAYERS_H
#define STAPES_LAYERS_H

/* Operators value by value, and copies. */

#include "../stapes_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How an elementwise operator walks over its two inputs: the output is dense in row-major order of `extent`, and an
 * input advances by `step` values along each dimension, 0 where it is broadcast. Unused leading extents are 1.
 */
typedef struct {
    int32_t extent[STAPES_DIMENSIONS];
    int32_t step_1[STAPES_DIMENSIONS];
    int32_t step_2[STAPES_DIMENSIONS];
} stapes_broadcast;

/* ---- ADD, SUB, MUL -------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t left_shift; /* head room for the common scale: 20 for int8, 15 for int16 */
    int32_t zero_point_1, multiplier_1_q31, shift_1;
    int32_t zero_point_2, multiplier_2_q31, shift_2;
    int32_t output_multiplier_q31, output_shift, output_zero_point;
    int32_t activation_min, activation_max;
    bool subtract;
} stapes_add_params;

typedef struct {
    int32_t zero_point_1;
    int32_t zero_point_2;
    int32_t multiplier_q31, shift, output_zero_point;
    int32_t activation_min, activation_max;
} stapes_mul_params;

/* y = x_1 + x_2, or x_1 - x_2 with `subtract`; y may be x_1 or x_2 where that one is not broadcast. */
void stapes_add_s8(const stapes_add_params *p, const stapes_broadcast *over, const int8_t *x_1, const int8_t *x_2,
                   int8_t *y);
void stapes_add_s16(const stapes_add_params *p, const stapes_broadcast *over, const int16_t *x_1, const int16_t *x_2,
                    int16_t *y);

/* y = x_1 * x_2; y may be x_1 or x_2 where that one is not broadcast. */
void stapes_mul_s8(const stapes_mul_params *p, const stapes_broadcast *over, const int8_t *x_1, const int8_t *x_2,
                   int8_t *y);
void stapes_mul_s16(const stapes_mul_params *p, const stapes_broadcast *over, const int16_t *x_1, const int16_t *x_2,
                    int16_t *y);

/* ADD of int8 as in stapes_add_s8. The operand of the larger scale is exact on the common scale, x << 20 + exact_offset;
 * the other one is round(round((x * factor + offset) * multiplier / 2^32) / 2^right). Their sum becomes the output as in
 * STAPES_TWICE_HIGH, with a power of two that divides.
 */
typedef struct {
    bool second_is_exact;
    int32_t exact_offset;
    int32_t factor, offset, multiplier, nudge, right;
    int32_t output_multiplier, output_power, output_zero_point;
} stapes_quick_add_params;

/* MUL of int8 by a gate as in stapes_mul_s8. */
typedef struct {
    int32_t zero_point_2, multiplier, power, zero_point;
} stapes_quick_mul_params;

/* ADD of int16 whose three scales are powers of two: round((x_1 * factor_1 + x_2 * factor_2) * power / 2^32), half away
 * from zero.
 */
typedef struct {
    int32_t factor_1, factor_2, power;
} stapes_aligned_add_params;

/* ---- LOGISTIC, TANH ------------------------------------------------------------------------------------------- */

/* int8: a table of all 256 outputs, index = input + 128. */
typedef struct {
    const int8_t *table;
} stapes_lut_params;

/* int16: the input times `multiplier` / 2^shift is in units of 1/24 / 2^9 (LOGISTIC) or 1/48 / 2^8 (TANH); the output
 * has scale 2^-15.
 */
typedef struct {
    int32_t multiplier;
    int32_t shift;
    bool tanh;
} stapes_sigmoid_params;

/* sigmoid(i / 24) in 16 bits, as TFLite Micro has it, less 2^15, and above it the step to the next entry. The last two
 * entries are where the curves of LOGISTIC and of TANH are flat.
 */
extern const uint32_t stapes_sigmoid_steps[257];

/* y[i] = table[x[i]] over size values; y may be x. */
void stapes_lut_s8(const stapes_lut_params *p, int32_t size, const int8_t *x, int8_t *y);

/* GATHER of int8: positions in a table, which the exporter has proven to lie inside. */
typedef struct {
    const int8_t *table;
} stapes_gather_params;

/* y[i] = table[x[i]] over size values. */
void stapes_gather_s8(const stapes_gather_params *p, int32_t size, const int32_t *x, int8_t *y);

/* y[i] = sigmoid(x[i]) or tanh(x[i]) over size values, the table interpolated linearly; y may be x. */
void stapes_sigmoid_s16(const stapes_sigmoid_params *p, int32_t size, const int16_t *x, int16_t *y);

/* ---- QUANTIZE ------------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t input_zero_point;
    int32_t multiplier_q31, shift;
    int32_t output_zero_point;
    int32_t output_min, output_max;
} stapes_quantize_params;

/* The same real values with another scale, zero point or width, over size values. */
void stapes_quantize_s8_s8(const stapes_quantize_params *p, int32_t size, const int8_t *x, int8_t *y);
void stapes_quantize_s8_s16(const stapes_quantize_params *p, int32_t size, const int8_t *x, int16_t *y);
void stapes_quantize_s8_s32(const stapes_quantize_params *p, int32_t size, const int8_t *x, int32_t *y);
void stapes_quantize_s16_s8(const stapes_quantize_params *p, int32_t size, const int16_t *x, int8_t *y);
void stapes_quantize_s16_s16(const stapes_quantize_params *p, int32_t size, const int16_t *x, int16_t *y);
void stapes_quantize_s16_s32(const stapes_quantize_params *p, int32_t size, const int16_t *x, int32_t *y);
void stapes_quantize_s32_s8(const stapes_quantize_params *p, int32_t size, const int32_t *x, int8_t *y);
void stapes_quantize_s32_s16(const stapes_quantize_params *p, int32_t size, const int32_t *x, int16_t *y);

/* ---- RELU, LEAKY_RELU, ABS ------------------------------------------------------------------------------------ */

typedef struct {
    int32_t input_zero_point;
    int32_t multiplier_q31, shift;
    int32_t output_zero_point;
    int32_t activation_min, activation_max;
} stapes_relu_params;

typedef struct {
    int32_t input_zero_point;
    int32_t multiplier_identity_q31, shift_identity; /* for values from zero upwards */
    int32_t multiplier_alpha_q31, shift_alpha;       /* for values below zero */
    int32_t output_zero_point;
    int32_t output_min, output_max;
} stapes_leaky_relu_params;

typedef struct {
    int32_t input_zero_point;
    bool rescale; /* whether input and output scales differ */
    int32_t multiplier_q31, shift;
    int32_t output_zero_point;
    int32_t output_min, output_max;
} stapes_abs_params;

/* Over size values; y may be x. */
void stapes_relu_s8(const stapes_relu_params *p, int32_t size, const int8_t *x, int8_t *y);
void stapes_relu_s16(const stapes_relu_params *p, int32_t size, const int16_t *x, int16_t *y);
void stapes_leaky_relu_s8(const stapes_leaky_relu_params *p, int32_t size, const int8_t *x, int8_t *y);
void stapes_leaky_relu_s16(const stapes_leaky_relu_params *p, int32_t size, const int16_t *x, int16_t *y);
void stapes_abs_s8(const stapes_abs_params *p, int32_t size, const int8_t *x, int8_t *y);
void stapes_abs_s16(const stapes_abs_params *p, int32_t size, const int16_t *x, int16_t *y);

/* ---- MEAN ----------------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t outer, count, inner; /* x is [outer][count][inner], y is [outer][inner] */
    int32_t input_zero_point;
    int32_t multiplier_q31, shift; /* holds 1 / count */
    int32_t output_zero_point;
    int32_t output_min, output_max;
} stapes_mean_params;

void stapes_mean_s8(const stapes_mean_params *p, const int8_t *x, int8_t *y);
void stapes_mean_s16(const stapes_mean_params *p, const int16_t *x, int16_t *y);

/* MAX_POOL_2D without padding: x[rows][input_width][channels]. */
typedef struct {
    int32_t input_width, channels;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    int32_t output_height, output_width;
} stapes_max_pool_params;

/* y[output_height][output_width][channels]: the largest value of each window. */
void stapes_max_pool_s8(const stapes_max_pool_params *p, const int8_t *x, int8_t *y);
void stapes_max_pool_s16(const stapes_max_pool_params *p, const int16_t *x, int16_t *y);

/* ---- Copies: CONCATENATION, SPLIT, SLICE, STRIDED_SLICE, TRANSPOSE, PAD ----------------------------------------- */

/* extent[] values are taken from the input at offset + sum of index * step and written to the output likewise. */
typedef struct {
    int32_t extent[STAPES_DIMENSIONS];
    int32_t input_offset;
    int32_t input_step[STAPES_DIMENSIONS];
    int32_t output_offset;
    int32_t output_step[STAPES_DIMENSIONS];
} stapes_copy_params;

void stapes_copy_s8(const stapes_copy_params *p, const int8_t *x, int8_t *y);
void stapes_copy_s16(const stapes_copy_params *p, const int16_t *x, int16_t *y);
void stapes_copy_s32(const stapes_copy_params *p, const int32_t *x, int32_t *y);

/* y[i] = value over size values: what PAD lays under its input. */
void stapes_fill_s8(int8_t value, int32_t size, int8_t *y);
void stapes_fill_s16(int16_t value, int32_t size, int16_t *y);
void stapes_fill_s32(int32_t value, int32_t size, int32_t *y);

#ifdef __cplusplus
}
#endif

#endif
