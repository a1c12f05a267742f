#include <string.h>

#include "../stapes_config.h"
#include "stapes_rows.h"

#if STAPES_VECTORS

/* Columns are laid out as the weights are, once for each pair of rows with zeros in the place of the other one. That
 * doubles the products, but leaves plain inner products, which compilers make vector instructions of.
 */
enum { SPREAD_GROUPS = 32 };

STAPES_HOT
static void spread_columns(const int16_t *x, int32_t groups, int16_t *first, int16_t *second)
{
    uint32_t columns[2 * SPREAD_GROUPS], spread[4 * SPREAD_GROUPS];
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

STAPES_HOT
static void add_block(const int16_t *weights, int32_t groups, const int16_t *first, const int16_t *second,
                      int32_t *sums)
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

STAPES_HOT
void stapes_block_sums(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int32_t words,
                       int32_t blocks, int32_t *sums)
{
    for (int32_t block = 0; block < blocks; block++) {
        (void)memcpy(sums + 4 * block, rows + words * block, 4u * sizeof *sums);
    }
    for (int32_t start = 0; start < groups; start += SPREAD_GROUPS) {
        int16_t first[8 * SPREAD_GROUPS], second[8 * SPREAD_GROUPS];
        const int32_t left = groups - start;
        const int32_t count = left < SPREAD_GROUPS ? left : SPREAD_GROUPS;
        spread_columns(x + 4 * start, count, first, second);
        for (int32_t block = 0; block < blocks; block++) {
            add_block(weights + 8 * (groups * block + start), count, first, second, sums + 4 * block);
        }
    }
}

#else

static inline int32_t even(int16_t weight) { return (int8_t)(uint8_t)((uint16_t)weight & 0xFFu); }

/* A weight as it is sums 256 * odd + even, in 64 bits; its lower byte is the even one. Both sums agree in their lowest 8
 * bits, so that each may be shifted before they are subtracted.
 */
static inline int32_t odd_sum(int64_t pair, int32_t even_sum)
{
    return (int32_t)(uint32_t)(((uint64_t)pair >> 8) & 0xFFFFFFFFu) - (even_sum >> 8);
}

STAPES_HOT
void stapes_block_sums(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int32_t words,
                       int32_t blocks, int32_t *sums)
{
    int64_t pair_0 = 0, pair_1 = 0;
    int32_t even_0 = 0, even_1 = 0;
    (void)words;
    (void)blocks;
    for (int32_t group = groups; group > 0; group--) {
        pair_0 += weights[0] * x[0];
        even_0 += even(weights[0]) * x[0];
        pair_1 += weights[2] * x[0];
        even_1 += even(weights[2]) * x[0];
        pair_0 += weights[1] * x[1];
        even_0 += even(weights[1]) * x[1];
        pair_1 += weights[3] * x[1];
        even_1 += even(weights[3]) * x[1];
        pair_0 += weights[4] * x[2];
        even_0 += even(weights[4]) * x[2];
        pair_1 += weights[6] * x[2];
        even_1 += even(weights[6]) * x[2];
        pair_0 += weights[5] * x[3];
        even_0 += even(weights[5]) * x[3];
        pair_1 += weights[7] * x[3];
        even_1 += even(weights[7]) * x[3];
        weights += 8;
        x += 4;
    }
    sums[0] = rows[0] + even_0;
    sums[1] = rows[1] + odd_sum(pair_0, even_0);
    sums[2] = rows[2] + even_1;
    sums[3] = rows[3] + odd_sum(pair_1, even_1);
}

#endif
