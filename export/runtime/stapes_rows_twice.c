#include "stapes_intrinsics.h"
#include "stapes_rows.h"

#if STAPES_CORTEX_M7

STAPES_NAKED void stapes_rows_twice(STAPES_UNUSED const int16_t *weights, STAPES_UNUSED const int16_t *x,
                                    STAPES_UNUSED int32_t groups, STAPES_UNUSED const int32_t *rows,
                                    STAPES_UNUSED int16_t *values, STAPES_UNUSED int32_t blocks)
{
    __asm__ volatile(STAPES_ROWS_TWICE_ASSEMBLY);
}

#else

static inline int16_t twice(int32_t sum, const int32_t *row, int32_t i)
{
    const int32_t power = (int32_t)1 << (32 - stapes_rows_shift(row[8], i));
    const int32_t scaled = stapes_divide_high(stapes_high_product(2 * sum, row[4 + i]), power);
    return (int16_t)stapes_saturate_s8(scaled + stapes_rows_zero_point(row[8]));
}

static void round_twice(const int32_t *sums, const int32_t *row, int16_t *values)
{
    values[0] = twice(sums[0], row, 0);
    values[1] = twice(sums[1], row, 1);
    values[2] = twice(sums[2], row, 2);
    values[3] = twice(sums[3], row, 3);
}

void stapes_rows_twice(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int16_t *values,
                       int32_t blocks)
{
    for (int32_t first = 0; first < blocks; first += STAPES_BLOCKS_AT_ONCE) {
        int32_t sums[4 * STAPES_BLOCKS_AT_ONCE];
        const int32_t left = blocks - first;
        const int32_t count = left < STAPES_BLOCKS_AT_ONCE ? left : STAPES_BLOCKS_AT_ONCE;
        stapes_block_sums(weights, x, groups, rows, 9, count, sums);
        for (int32_t block = 0; block < count; block++) {
            round_twice(sums + 4 * block, rows + 9 * block, values + 4 * block);
        }
        weights += 8 * groups * count;
        rows += 9 * count;
        values += 4 * count;
    }
}

#endif
