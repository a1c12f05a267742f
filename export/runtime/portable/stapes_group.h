#ifndef STAPES_GROUP_H
#define STAPES_GROUP_H

/* A group of a packed matrix: the int8 weights of four columns of four rows, row by row, in eight halfwords. The groups of a
 * whole matrix lie side by side: a block is the int8 weights of its four rows, row by row.
 */

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sums of a block on their way, a row each. */
typedef struct {
    int32_t row_0, row_1, row_2, row_3;
} stapes_group_sums;

static inline void stapes_add_group(const int16_t *weights, const int16_t *x, stapes_group_sums *sums)
{
    const int8_t *const w = (const int8_t *)weights;
    sums->row_0 += w[0] * x[0];
    sums->row_1 += w[4] * x[0];
    sums->row_2 += w[8] * x[0];
    sums->row_3 += w[12] * x[0];
    sums->row_0 += w[1] * x[1];
    sums->row_1 += w[5] * x[1];
    sums->row_2 += w[9] * x[1];
    sums->row_3 += w[13] * x[1];
    sums->row_0 += w[2] * x[2];
    sums->row_1 += w[6] * x[2];
    sums->row_2 += w[10] * x[2];
    sums->row_3 += w[14] * x[2];
    sums->row_0 += w[3] * x[3];
    sums->row_1 += w[7] * x[3];
    sums->row_2 += w[11] * x[3];
    sums->row_3 += w[15] * x[3];
}

/* The sums of the four rows, biases included. */
static inline void stapes_end_groups(const stapes_group_sums *block, const int32_t *biases, int32_t *sums)
{
    sums[0] = biases[0] + block->row_0;
    sums[1] = biases[1] + block->row_1;
    sums[2] = biases[2] + block->row_2;
    sums[3] = biases[3] + block->row_3;
}

/* A group to its place in a block of so many. */
static inline void stapes_put_group(const int16_t *weights, int32_t group, int32_t groups, int16_t *block)
{
    for (int32_t row = 0; row < 4; row++) {
        (void)memcpy(block + 2 * (groups * row + group), weights + 2 * row, 2u * sizeof *block);
    }
}

#ifdef __cplusplus
}
#endif

#endif
