#ifndef STAPES_NN_H
#define STAPES_NN_H

/* Kernels of the integer network. This header holds all of their documentation; a kernel stands in the file of its name.
 *
 * s8 and s16 are int8 and int16 activations; weights are int8 in both. Each kernel is one TensorFlow Lite operator and
 * rounds as TFLite Micro's reference kernels do; the Python twins stand in firmware_sim/kernels under the same names,
 * with the same parameters. A real value is scale * (integer - zero point); a real multiplier is
 * multiplier_q31 / 2^31 * 2^shift. Parameters are constants of a generated program and never null; inputs and outputs
 * do not overlap unless it is said. No kernel allocates, recurses, keeps a state or uses floating point.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STAPES_DIMENSIONS 4

/* How an elementwise operator walks over its two inputs: the output is dense in row-major order of `extent`, and an
 * input advances by `step` values along each dimension, 0 where it is broadcast. Unused leading extents are 1.
 */
typedef struct {
    int32_t extent[STAPES_DIMENSIONS];
    int32_t step_1[STAPES_DIMENSIONS];
    int32_t step_2[STAPES_DIMENSIONS];
} stapes_broadcast;

/* ---- FULLY_CONNECTED ------------------------------------------------------------------------------------------ */

/* How the sum of a row becomes an output; export/c/packing.py chooses the cheapest form that has the right bits for all
 * rows.
 */
typedef enum {
    STAPES_ONCE,      /* requantise_64: a 64-bit bias in TensorFlow Lite */
    STAPES_ONCE_HIGH, /* the same as round(sum * multiplier / 2^32), to int16 */
    STAPES_TWICE,     /* requantise_double */
    STAPES_TWICE_HIGH /* the same as round(round(2 * sum * multiplier / 2^32) / 2^shift), to int8; sums below 2^23 */
} stapes_rounding;

/* A matrix, packed for the kernels: four rows a block, four columns a group, filled up with zeros. */
typedef struct {
    int32_t inputs;           /* columns */
    const int16_t *weights;   /* [blocks][groups][2 column pairs][2 row pairs][2 columns]: 256 * odd row + even row */
    const int32_t *rows;      /* [blocks][8 or 9]: 4 biases, which include the input's zero point; 4 multipliers; but for
                                 STAPES_ONCE_HIGH, 4 right shifts of 6 bits each and above them the output's zero point */
    stapes_rounding rounding;
    bool narrow;              /* outputs are int8, not int16 */
    bool sparse;              /* weights hold but the groups of a block that are not all zeros, and where they belong, and
                                 rows two words more, behind the biases: see stapes_sparse.h */
} stapes_matrix;

typedef struct {
    int32_t batch;            /* input vectors, one output vector each */
    int32_t outputs;          /* values in an output vector */
    stapes_matrix matrix;
    int32_t activation_min;
    int32_t activation_max;
} stapes_fully_connected_params;

/* Values of scratch for a vector of `size` values, which the kernels copy there: the next multiple of 4. */
#define STAPES_VECTOR_SIZE(size) (((size) + 3) / 4 * 4)

/* y[batch][outputs] = requantised(bias + weights * x[batch][inputs]). `vector` is scratch for
 * STAPES_VECTOR_SIZE(matrix.inputs) values, on a boundary of 4 bytes.
 */
void stapes_fully_connected_s8(const stapes_fully_connected_params *p, const int8_t *x, int16_t *vector, int8_t *y);
void stapes_fully_connected_s16(const stapes_fully_connected_params *p, const int16_t *x, int16_t *vector, int16_t *y);

/* ---- CONV_2D -------------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t input_height, input_width, input_channels;
    int32_t output_height, output_width, output_channels;
    int32_t kernel_height, kernel_width, kernel_channels; /* groups = input_channels / kernel_channels */
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    int32_t input_zero_point;             /* the value of padding */
    stapes_matrix matrix;                 /* the rows of each group, filled up to a multiple of 4, over a window */
    int32_t activation_min;
    int32_t activation_max;
} stapes_conv_2d_params;

/* y[height][width][channels] of x[height][width][channels]; batch 1. `window` is scratch for
 * STAPES_VECTOR_SIZE(kernel_height * kernel_width * kernel_channels) values, on a boundary of 4 bytes.
 */
void stapes_conv_2d_s8(const stapes_conv_2d_params *p, const int8_t *x, int16_t *window, int8_t *y);
void stapes_conv_2d_s16(const stapes_conv_2d_params *p, const int16_t *x, int16_t *window, int16_t *y);

/* ---- CONV_2D over one row of positions, and FULLY_CONNECTED of many vectors ------------------------------------ */

/* How positions are copied so that every window lies together. */
typedef struct {
    int32_t width;         /* positions of the input */
    int32_t input_step;    /* values from one to the next */
    int32_t first_channel; /* the first value of a position that is looked at */
    int32_t channels;      /* values that are looked at */
    int32_t before, after; /* positions of zeros beside both ends */
} stapes_positions_params;

/* y[before + width + after][channels]. */
void stapes_positions_s16(const stapes_positions_params *p, const int16_t *x, int16_t *y);

typedef struct {
    int32_t first;        /* value at which the first window begins, an even number */
    int32_t step;         /* values from window to window, an even number */
    int32_t positions;    /* windows */
    int32_t turns;        /* eighths of the values of a window, 1 to 8 */
    int32_t first_output; /* of a position */
    int32_t blocks;       /* quarters of the outputs of a position that are made */
    int32_t output_step;  /* values from position to position of y */
    const int32_t *words; /* [blocks][4 biases, 4 * turns columns of 4 pairs of weights, 4 multipliers], see export/c/windows.py */
} stapes_windows_params;

/* y[positions][output_step], of which 4 * blocks outputs from first_output on are written: round(sum * multiplier / 2^32)
 * of windows of x, saturated. x lies on a boundary of 4 bytes.
 */
void stapes_windows_s16(const stapes_windows_params *p, const int16_t *x, int16_t *y);

/* ---- DEPTHWISE_CONV_2D ---------------------------------------------------------------------------------------- */

typedef struct {
    int32_t input_height, input_width, channels;
    int32_t output_height, output_width;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    int32_t input_zero_point;
    const int32_t *taps;       /* [channels / 2][13] for 3 x 3 taps over one row of int16, see export/c/depthwise.py; or null,
                                  and the next four hold the kernel */
    const int16_t *weights;    /* [kernel_height][kernel_width][channels] */
    const int32_t *bias;       /* [channels] */
    const int32_t *multiplier; /* [channels] */
    const int8_t *shift;       /* [channels], or null for STAPES_ONCE_HIGH */
    stapes_rounding rounding;  /* STAPES_ONCE or STAPES_ONCE_HIGH for int16, STAPES_TWICE for int8 */
    int32_t output_zero_point;
    int32_t activation_min;
    int32_t activation_max;
} stapes_depthwise_conv_2d_params;

/* y[height][width][channels] of x[height][width][channels], a kernel for each channel; batch 1. Taps outside count as
 * the input's zero point.
 */
void stapes_depthwise_conv_2d_s8(const stapes_depthwise_conv_2d_params *p, const int8_t *x, int8_t *y);
void stapes_depthwise_conv_2d_s16(const stapes_depthwise_conv_2d_params *p, const int16_t *x, int16_t *y);

/* ---- BATCH_MATMUL --------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t matrices, rows, columns, depth;
    int32_t multiplier_q31, shift;
    int32_t output_min, output_max;
} stapes_batch_matmul_params;

/* y[rows][columns] = requantise_64(x_1[rows][depth] * transposed x_2[columns][depth]) for each of `matrices` triples; the
 * sums have 64 bits.
 */
void stapes_batch_matmul_s16(const stapes_batch_matmul_params *p, const int16_t *x_1, const int16_t *x_2, int16_t *y);

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

/* y[i] = sigmoid(x[i]) or tanh(x[i]) over size values, the table interpolated linearly; y may be x. */
void stapes_sigmoid_s16(const stapes_sigmoid_params *p, int32_t size, const int16_t *x, int16_t *y);

/* ---- GRU: one cell, one frame, fused from the operators of a region ------------------------------------------- */

/* The members are the operators whose outputs have their names, in the formats that the exporter gives every GRU:
 *   xr, xz, xn = W x + b;  hr, hz, hn = R h + b'
 *   r = sigmoid(ar = xr + hr);  z = sigmoid(az = xz + hz);  n = tanh(an = xn + (rhn = r * hn))
 *   int8:  h_out = (fresh = n - (zn = z * n)) + (zh = z * h)
 *   int16: h_out = n + (zd = z * (d = h - n))
 * Each step rounds as its operator does alone, so that the bits are those of the operators one by one.
 */

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

/* Units whose gates are computed together. The rows of both matrices are STAPES_GRU_UNITS of r, as many of z and of n,
 * and so on; the last ones of each gate are filled up to blocks.
 */
#define STAPES_GRU_UNITS 16

/* int8: r, z are 1/256 with zero point -128; n, zn, fresh, h, zh, h_out 1/128 with zero point 0. */
typedef struct {
    int32_t batch;   /* vectors, each with a state of its own */
    int32_t hidden;  /* units */
    stapes_matrix x; /* xr, xz, xn */
    stapes_matrix h; /* hr, hz, hn */
    stapes_quick_add_params ar, az, an;
    stapes_quick_mul_params rhn;
    stapes_lut_params r, z, n;
} stapes_gru_s8_params;

/* int16: r, z, n, h, h_out are 2^-15; d, zd 2^-14; rhn has the scale of hn; the others are powers of two. */
typedef struct {
    int32_t batch;   /* vectors, each with a state of its own */
    int32_t hidden;  /* units */
    stapes_matrix x; /* xr, xz, xn */
    stapes_matrix h; /* hr, hz, hn */
    stapes_aligned_add_params ar, az, an;
    stapes_sigmoid_params r, z, n;
} stapes_gru_s16_params;

/* Values of scratch that a GRU needs, on a boundary of 4 bytes. */
#define STAPES_GRU_SCRATCH(inputs, hidden) (STAPES_VECTOR_SIZE(inputs) + STAPES_VECTOR_SIZE(hidden))

/* h_out[rows][hidden] of x[rows][inputs] and h[rows][hidden], rows being the batch; h_out may be h. */
void stapes_gru_s8(const stapes_gru_s8_params *p, const int8_t *x, const int8_t *h, int16_t *scratch, int8_t *h_out);
void stapes_gru_s16(const stapes_gru_s16_params *p, const int16_t *x, const int16_t *h, int16_t *scratch,
                    int16_t *h_out);

/* A block-diagonal matrix of int16 activations: group i takes columns of its own and gives rows of its own. Rounding is
 * STAPES_ONCE_HIGH for all rows; export/c/grouped.py packs them.
 */
typedef struct {
    int32_t groups;
    int32_t columns;        /* of a group: 4, 8 or 16 */
    int32_t rows_per_group; /* a multiple of 12: r, z and n of a unit, then of the next; units come in fours */
    const int32_t *rows;    /* [groups][rows_per_group][columns / 2 + 2]: bias, pairs of weights (halfwords), multiplier */
} stapes_grouped_matrix;

/* The same cell as stapes_gru_s16_params where both matrices have small groups, LOGISTIC takes 2^-11 and TANH 2^-12.
 * A sum of two terms is round((x * low halfword of the factors + h * high one) * power / 2^32).
 */
typedef struct {
    int32_t batch;           /* vectors, each with a state of its own */
    int32_t hidden;          /* units */
    stapes_grouped_matrix x; /* xr, xz, xn */
    stapes_grouped_matrix h; /* hr, hz, hn */
    uint32_t r_factors, z_factors, n_factors;
    int32_t power;
} stapes_gru_grouped_s16_params;

/* As stapes_gru_s16. `scratch` has room for 7 * hidden values and a vector of x. */
void stapes_gru_grouped_s16(const stapes_gru_grouped_s16_params *p, const int16_t *x, const int16_t *h, int16_t *scratch,
                            int16_t *h_out);

/* A cell over the positions of a frame in both directions at once: step s takes position s for the first half of the units
 * and position positions - 1 - s for the second half. The state begins at zero.
 */
typedef struct {
    int32_t positions;
    stapes_gru_s8_params cell;
} stapes_gru_sequence_s8_params;

typedef struct {
    int32_t positions;
    stapes_gru_s16_params cell;
} stapes_gru_sequence_s16_params;

typedef struct {
    int32_t positions;
    stapes_gru_grouped_s16_params cell; /* the first half of its groups is forward */
} stapes_gru_sequence_grouped_s16_params;

/* y[positions][units] of x[positions][cell.x.inputs / 2]; y[t] holds both halves of position t. `scratch` lies on a
 * boundary of 4 bytes and has room for the cell's scratch, two positions of x and the state; of a grouped cell for
 * 7 * hidden values and a position of x.
 */
void stapes_gru_sequence_s8(const stapes_gru_sequence_s8_params *p, const int8_t *x, int16_t *scratch, int8_t *y);
void stapes_gru_sequence_s16(const stapes_gru_sequence_s16_params *p, const int16_t *x, int16_t *scratch, int16_t *y);
void stapes_gru_sequence_grouped_s16(const stapes_gru_sequence_grouped_s16_params *p, const int16_t *x, int16_t *scratch,
                                     int16_t *y);

/* ---- Other fused regions -------------------------------------------------------------------------------------- */

/* A sum of squares in 64 bits, requantised by requantise_64. */
typedef struct {
    int32_t multiplier_q31, shift;
    int32_t output_min, output_max;
} stapes_square_sum_params;

typedef struct {
    int32_t rows, channels;
    int32_t multiplier_q31, shift;
    int32_t output_min, output_max;
} stapes_energy_s16_params;

/* y[channels] = requantise_64(sum over rows of x[rows][channels]^2). */
void stapes_energy_s16(const stapes_energy_s16_params *p, const int16_t *x, int16_t *y);

/* FULLY_CONNECTED of int16 with one output and a 64-bit bias, whose weights are all equal, or not. */
typedef struct {
    int32_t weight;
    int32_t bias, multiplier_q31, shift;
} stapes_sum_params;

typedef struct {
    const int8_t *weights; /* [size] */
    int32_t size;
    int32_t bias, multiplier_q31, shift;
} stapes_weighted_sum_params;

/* LayerNorm over all values at once, without a square root; the members are the operators whose outputs have their names,
 * in the order of export/c/layer_norm.py: c = x - mean, g a coarse gain, c1 = c g, v1 the variance of c1, y = 1 / sqrt(v1) by
 * one Newton step from y0. `..._by` is the constant second operand of that operator.
 */
typedef struct {
    int32_t size;
    stapes_sum_params minus_mean;
    stapes_add_params c;
    stapes_sum_params m;
    stapes_mul_params octaves;
    const int16_t *octaves_by; /* [octave_count] */
    stapes_sigmoid_params steps;
    stapes_mul_params weighted;
    const int16_t *weighted_by; /* [octave_count] */
    stapes_weighted_sum_params g;
    stapes_mul_params c1;
    stapes_square_sum_params v;
    stapes_weighted_sum_params g_eps;
    stapes_mul_params eps;
    stapes_add_params v1;
    stapes_mul_params v_octaves;
    const int16_t *v_octaves_by; /* [v_octave_count] */
    stapes_sigmoid_params v_steps;
    stapes_weighted_sum_params y0;
    stapes_mul_params deviation, one;
    stapes_weighted_sum_params correction;
    stapes_mul_params y, normalised, scaled;
    const int16_t *scaled_by; /* gamma[size] */
    stapes_add_params out;
    const int32_t *twice_beta; /* [size], on the common scale of `out` */
    int32_t octave_count, v_octave_count;
} stapes_layer_norm_s16_params;

/* y[size] of x[size]; y holds what lies between. */
void stapes_layer_norm_s16(const stapes_layer_norm_s16_params *p, const int16_t *x, int16_t *y);

typedef struct {
    int32_t frames;                       /* in the history */
    int32_t frame_size;                   /* values in a frame */
    int32_t first_tap, taps, tap_step;    /* frames that are looked at; number `frames` is the new one */
} stapes_history_params;

/* taps[taps][frame_size] of history[frames][frame_size] with the new frame behind it; history_out is that without its
 * oldest frame, and may be history.
 */
void stapes_history_s8(const stapes_history_params *p, const int8_t *history, const int8_t *frame, int8_t *taps,
                       int8_t *history_out);
void stapes_history_s16(const stapes_history_params *p, const int16_t *history, const int16_t *frame, int16_t *taps,
                        int16_t *history_out);

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
