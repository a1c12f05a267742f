#ifndef STAPES_RECURRENCES_H
#define STAPES_RECURRENCES_H

/* GRUs: a cell is one kernel, fused from the operators of a region. */

#include "../layers/stapes_layers.h"
#include "../matrices/stapes_matrices.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- GRU: one cell, one frame, fused from the operators of a region ------------------------------------------- */

/* The members are the operators whose outputs have their names, in the formats that the exporter gives every GRU:
 *   xr, xz, xn = W x + b;  hr, hz, hn = R h + b'
 *   r = sigmoid(ar = xr + hr);  z = sigmoid(az = xz + hz);  n = tanh(an = xn + (rhn = r * hn))
 *   int8:  h_out = (fresh = n - (zn = z * n)) + (zh = z * h)
 *   int16: h_out = n + (zd = z * (d = h - n))
 * Each step rounds as its operator does alone, so that the bits are those of the operators one by one.
 */

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
    const int32_t *rows;    /* [groups][rows_per_group][columns / 2 + 2]: bias, pairs of weights, multiplier */
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
void stapes_gru_grouped_s16(const stapes_gru_grouped_s16_params *p, const int16_t *x, const int16_t *h,
                            int16_t *scratch, int16_t *h_out);

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
void stapes_gru_sequence_grouped_s16(const stapes_gru_sequence_grouped_s16_params *p, const int16_t *x,
                                     int16_t *scratch, int16_t *y);

#ifdef __cplusplus
}
#endif

#endif
