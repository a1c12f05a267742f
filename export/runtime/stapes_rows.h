#ifndef STAPES_ROWS_H
#define STAPES_ROWS_H

/* Rows of a packed matrix times a vector: what FULLY_CONNECTED and the fused GRU are made of. export/c/packing.py packs
 * the weights and describes the layout.
 */

#include <string.h>

#include "stapes_nn.h"

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

/* Blocks whose sums portable C computes before it rounds them. */
#define STAPES_BLOCKS_AT_ONCE 12

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

/* The sums of some blocks in portable C: sums[4 * blocks], biases included. `words` is the size of a block's rows. */
#ifndef STAPES_VECTORS
#if defined(__SSE2__) || defined(__ARM_NEON)
#define STAPES_VECTORS 1
#else
#define STAPES_VECTORS 0
#endif
#endif

#if STAPES_VECTORS

/* Columns are laid out as the weights are, once for each pair of rows with zeros in the place of the other one. That
 * doubles the products, but leaves plain inner products, which compilers make vector instructions of.
 */
#define STAPES_SPREAD_GROUPS 32

static inline void stapes_spread(const int16_t *x, int32_t groups, int16_t *first, int16_t *second)
{
    uint32_t columns[2 * STAPES_SPREAD_GROUPS], spread[4 * STAPES_SPREAD_GROUPS];
    (void)memcpy(columns, x, 4u * (size_t)groups * sizeof *x);
    for (int32_t i = 0; i < 2 * groups; i++) {
        spread[2 * i] = columns[i];
        spread[2 * i + 1] = 0;
    }
    (void)memcpy(first, spread, 8u * (size_t)groups * sizeof *first);
    for (int32_t i = 0; i < 2 * groups; i++) {
        spread[2 * i] = 0;
        spread[2 * i + 1] = columns[i];
    }
    (void)memcpy(second, spread, 8u * (size_t)groups * sizeof *second);
}

static inline void stapes_add_block(const int16_t *weights, int32_t groups, const int16_t *first,
                                    const int16_t *second, int32_t *sums)
{
    int32_t even_0 = 0, odd_0 = 0, even_1 = 0, odd_1 = 0;
    for (int32_t i = 0; i < 8 * groups; i++) {
        const int16_t even = (int16_t)((int16_t)(uint16_t)((uint16_t)weights[i] << 8) >> 8);
        const int16_t odd = (int16_t)((int16_t)(weights[i] - even) >> 8);
        even_0 += even * first[i];
        odd_0 += odd * first[i];
        even_1 += even * second[i];
        odd_1 += odd * second[i];
    }
    sums[0] += even_0;
    sums[1] += odd_0;
    sums[2] += even_1;
    sums[3] += odd_1;
}

static inline void stapes_block_sums(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows,
                                     int32_t words, int32_t blocks, int32_t *sums)
{
    for (int32_t block = 0; block < blocks; block++) {
        (void)memcpy(sums + 4 * block, rows + words * block, 4u * sizeof *sums);
    }
    for (int32_t start = 0; start < groups; start += STAPES_SPREAD_GROUPS) {
        int16_t first[8 * STAPES_SPREAD_GROUPS], second[8 * STAPES_SPREAD_GROUPS];
        const int32_t left = groups - start;
        const int32_t count = left < STAPES_SPREAD_GROUPS ? left : STAPES_SPREAD_GROUPS;
        stapes_spread(x + 4 * start, count, first, second);
        for (int32_t block = 0; block < blocks; block++) {
            stapes_add_block(weights + 8 * (groups * block + start), count, first, second, sums + 4 * block);
        }
    }
}

#else

static inline void stapes_block_sums(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows,
                                     int32_t words, int32_t blocks, int32_t *sums)
{
    for (int32_t block = 0; block < blocks; block++) {
        int32_t even_0 = rows[0], odd_0 = rows[1], even_1 = rows[2], odd_1 = rows[3];
        for (int32_t i = 0; i < 4 * groups; i++) {
            const int32_t first = weights[i + i / 2 * 2];
            const int32_t second = weights[i + i / 2 * 2 + 2];
            const int32_t low_0 = (int32_t)((uint32_t)first << 24) >> 24;
            const int32_t low_1 = (int32_t)((uint32_t)second << 24) >> 24;
            even_0 += low_0 * x[i];
            odd_0 += ((first - low_0) >> 8) * x[i];
            even_1 += low_1 * x[i];
            odd_1 += ((second - low_1) >> 8) * x[i];
        }
        *sums++ = even_0;
        *sums++ = odd_0;
        *sums++ = even_1;
        *sums++ = odd_1;
        weights += 8 * groups;
        rows += words;
    }
}

#endif

#ifdef __cplusplus
}
#endif

#endif
