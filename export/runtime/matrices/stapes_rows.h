#ifndef STAPES_ROWS_H
#define STAPES_ROWS_H

/* Rows of a packed matrix times a vector: what FULLY_CONNECTED and the fused GRU are made of. export/c/packing.py packs
 * the weights and describes the layout.
 */

#include <string.h>

#include "stapes_matrices.h"

#ifdef __cplusplus
extern "C" {
#endif

/* values[4 * blocks] = the outputs of rows 4 * block .. 4 * (block + blocks) - 1 for one vector: requantised, zero point
 * added, saturated to the output's type but not clamped to an activation. `vector` lies on a boundary of 4 bytes; values
 * of rows beyond the last one mean nothing.
 */
void stapes_rows(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values);

/* y[outputs] = the outputs of the rows from 4 * block on, clamped to low ... high. */
void stapes_outputs_s8(const stapes_matrix *m, int32_t block, int32_t outputs, int32_t low, int32_t high,
                       const int16_t *vector, int8_t *y);
void stapes_outputs_s16(const stapes_matrix *m, int32_t block, int32_t outputs, int32_t low, int32_t high,
                        const int16_t *vector, int16_t *y);

/* The three forms of it, from the first block of weights and rows on. */
void stapes_rows_once(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int16_t *values,
                      int32_t blocks);
void stapes_rows_twice(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int16_t *values,
                       int32_t blocks);
void stapes_rows_plain(const stapes_matrix *m, const int16_t *weights, int32_t groups, int32_t block, int32_t blocks,
                       const int16_t *vector, int16_t *values);

/* Number `i` of the four right shifts in a word, and the zero point above them. */
static inline int32_t stapes_rows_shift(int32_t word, int32_t i)
{
    return (int32_t)((uint32_t)word << (26 - 6 * i)) >> 26;
}

static inline int32_t stapes_rows_zero_point(int32_t word)
{
    return word >> 24;
}

/* Copy an input of `size` values to where the rows read it, up to the next multiple of 4 filled with zeros. */
static inline void stapes_take_s8(int32_t size, const int8_t *x, int16_t *vector)
{
    for (int32_t i = 0; i < size; i++) {
        vector[i] = x[i];
    }
    for (int32_t i = size; i < STAPES_VECTOR_SIZE(size); i++) {
        vector[i] = 0;
    }
}

static inline void stapes_take_s16(int32_t size, const int16_t *x, int16_t *vector)
{
    (void)memcpy(vector, x, (size_t)size * sizeof *vector);
    for (int32_t i = size; i < STAPES_VECTOR_SIZE(size); i++) {
        vector[i] = 0;
    }
}

/* An input as the rows read it: where it is, when size and place allow it, else a copy in `vector`. */
static inline const int16_t *stapes_give_s16(int32_t size, const int16_t *x, int16_t *vector)
{
    if (size % 4 == 0 && (uintptr_t)x % 4u == 0u) {
        return x;
    }
    stapes_take_s16(size, x, vector);
    return vector;
}

/* Blocks whose sums portable C computes before it rounds them. */
#ifndef STAPES_VECTORS
#if defined(__SSE2__) || defined(__ARM_NEON)
#define STAPES_VECTORS 1
#else
#define STAPES_VECTORS 0
#endif
#endif
#define STAPES_BLOCKS_AT_ONCE (STAPES_VECTORS != 0 ? 12 : 1)

/* The sums of at most so many blocks in portable C: sums[4 * blocks], biases included. `words` is the size of a block's
 * rows.
 */
void stapes_block_sums(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int32_t words,
                       int32_t blocks, int32_t *sums);

#ifdef __cplusplus
}
#endif

#endif
