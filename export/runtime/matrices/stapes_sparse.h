#ifndef STAPES_SPARSE_H
#define STAPES_SPARSE_H

/* Rows of a sparse matrix times a vector. A block's weights are its groups that are not all zeros, two by two, each two
 * behind their distances from the second group of the two before, in bytes of x; an odd one stands first, alone.
 * export/c/sparse.py packs them. A block's rows are
 *
 *     4 biases | bytes of weights up to the block's end | way | 4 multipliers | shifts and zero point
 *
 * where the lower half of the way is where the distances begin, in bytes of x, at the odd group where there is one. Its
 * upper half is for the assembly: where in its loop a block begins.
 */

#include "stapes_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As their namesakes in stapes_rows.h; `start` is where the first of the blocks begins, in bytes of weights. */
void stapes_sparse_once(const int16_t *weights, const int16_t *x, int32_t start, const int32_t *rows, int16_t *values,
                        int32_t blocks);
void stapes_sparse_twice(const int16_t *weights, const int16_t *x, int32_t start, const int32_t *rows, int16_t *values,
                         int32_t blocks);
void stapes_sparse_plain(const stapes_matrix *m, const int16_t *x, int32_t start, const int32_t *rows, int16_t *values,
                         int32_t blocks);

/* The sums of at most STAPES_BLOCKS_AT_ONCE blocks in portable C: sums[4 * blocks], biases included. The first block begins
 * at byte `start` of weights; `words` is the size of a block's rows. Returns where the next block begins.
 */
int32_t stapes_sparse_sums(const int16_t *weights, int32_t start, const int16_t *x, const int32_t *rows, int32_t words,
                           int32_t blocks, int32_t *sums);

#ifdef __cplusplus
}
#endif

#endif
