#include <string.h>

#include "../stapes_config.h"
#include "stapes_group.h"
#include "stapes_sparse.h"

/* Halfwords of a group and of two with their distances, and bytes of the four values of x of a group. */
#define GROUP 8
#define TWO 18
#define GROUP_BYTES 8

#if STAPES_VECTORS

/* Vector instructions multiply zeros faster than they pass over them: blocks are filled up again, some columns a time. */
#define FILLED_GROUPS 32

/* The number behind a block's last group, at least 1. */
STAPES_HOT
static int32_t groups_of(const int16_t *weights, int32_t start, const int32_t *rows)
{
    int32_t group = (rows[5] & 0xFFFF) / GROUP_BYTES;
    for (int32_t i = start / 2 + (rows[4] - start) / 2 % TWO; i < rows[4] / 2; i += TWO) {
        group += weights[i + 1] / GROUP_BYTES;
    }
    return group + 1;
}

STAPES_HOT
static void put_group(const int16_t *weights, int32_t group, int32_t groups, int16_t *filled)
{
    if (group >= 0 && group < groups) {
        stapes_put_group(weights, group, groups, filled);
    }
}

/* So many of a block's groups, from number `first` on, with those that are zeros. */
STAPES_HOT
static void fill_block(const int16_t *weights, int32_t start, const int32_t *rows, int32_t first, int32_t groups,
                       int16_t *filled)
{
    const int32_t end = rows[4] / 2;
    int32_t i = start / 2;
    int32_t group = (rows[5] & 0xFFFF) / GROUP_BYTES - first;
    (void)memset(filled, 0, (size_t)(GROUP * groups) * sizeof *filled);
    if ((end - i) % TWO != 0) {
        put_group(weights + i, group, groups, filled);
        i += GROUP;
    }
    for (; i < end; i += TWO) {
        put_group(weights + i + 2, group + weights[i] / GROUP_BYTES, groups, filled);
        group += weights[i + 1] / GROUP_BYTES;
        put_group(weights + i + 2 + GROUP, group, groups, filled);
    }
}

STAPES_HOT
int32_t stapes_sparse_sums(const int16_t *weights, int32_t start, const int16_t *x, const int32_t *rows, int32_t words,
                           int32_t blocks, int32_t *sums)
{
    int16_t filled[STAPES_BLOCKS_AT_ONCE * GROUP * FILLED_GROUPS];
    int32_t starts[STAPES_BLOCKS_AT_ONCE + 1];
    int32_t groups = 1;
    starts[0] = start;
    for (int32_t block = 0; block < blocks; block++) {
        const int32_t *const row = rows + words * block;
        const int32_t end = groups_of(weights, starts[block], row);
        groups = end > groups ? end : groups;
        starts[block + 1] = row[4];
        (void)memcpy(sums + 4 * block, row, 4u * sizeof *sums);
    }
    for (int32_t first = 0; first < groups; first += FILLED_GROUPS) {
        int32_t before[4 * STAPES_BLOCKS_AT_ONCE];
        const int32_t count = groups - first < FILLED_GROUPS ? groups - first : FILLED_GROUPS;
        for (int32_t block = 0; block < blocks; block++) {
            fill_block(weights, starts[block], rows + words * block, first, count, filled + GROUP * count * block);
        }
        (void)memcpy(before, sums, 4u * (size_t)blocks * sizeof *sums);
        stapes_block_sums(filled, x + 4 * first, count, before, 4, blocks, sums);
    }
    return starts[blocks];
}

#else

STAPES_HOT
int32_t stapes_sparse_sums(const int16_t *weights, int32_t start, const int16_t *x, const int32_t *rows, int32_t words,
                           int32_t blocks, int32_t *sums)
{
    const int16_t *group = weights + start / 2;
    const int16_t *const end = weights + rows[4] / 2;
    const int16_t *from = x + (rows[5] & 0xFFFF) / 2;
    stapes_group_sums block = {0};
    (void)words;
    (void)blocks;
    if ((end - group) % TWO != 0) {
        stapes_add_group(group, from, &block);
        group += GROUP;
    }
    while (group != end) {
        stapes_add_group(group + 2, from + group[0] / 2, &block);
        from += group[1] / 2;
        stapes_add_group(group + 2 + GROUP, from, &block);
        group += TWO;
    }
    stapes_end_groups(&block, rows, sums);
    return rows[4];
}

#endif
