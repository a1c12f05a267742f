#ifndef STAPES_MATRICES_H
#define STAPES_MATRICES_H

/* Operators that multiply weights and sum: matrices and convolutions. stapes_rows.h and stapes_sparse.h say how weights lie. */

#include "../stapes_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

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
    const int16_t *weights;   /* [blocks][groups][8]: four columns of four rows, as stapes_group.h takes them apart */
    const int32_t *rows;      /* [blocks][8 or 9]: 4 biases, which include the input's zero point; 4 multipliers; but
                                 for STAPES_ONCE_HIGH, 4 right shifts of 6 bits each and above them the zero point of
                                 the output */
    stapes_rounding rounding;
    bool narrow;              /* outputs are int8, not int16 */
    bool sparse;              /* weights hold but the groups of a block that are not all zeros, and where they belong,
                                 and rows two words more, behind the biases: see stapes_sparse.h */
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
    const int32_t *words; /* [blocks][4 biases, 4 * turns columns of 4 pairs of weights, 4 multipliers], see
                             export/c/windows.py */
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
    const int32_t *taps;       /* [channels / 2][13] for 3 x 3 taps over one row of int16, and for kernels of one row
                                  [channels / 4][8 + 2 * kernel_width], see export/c/depthwise.py; or null, and the
                                  next four hold the kernel */
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

#ifdef __cplusplus
}
#endif

#endif
