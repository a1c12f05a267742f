#include <string.h>

#include "../stapes_config.h"
#include "stapes_group.h"
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

STAPES_HOT
void stapes_block_sums(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int32_t words,
                       int32_t blocks, int32_t *sums)
{
    stapes_group_sums block = {0};
    (void)words;
    (void)blocks;
    for (int32_t group = groups; group > 0; group--) {
        stapes_add_group(weights, x, &block);
        weights += 8;
        x += 4;
    }
    stapes_end_groups(&block, rows, sums);
}

#endif
