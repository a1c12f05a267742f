#include "../arithmetic/stapes_intrinsics.h"
#include "../stapes_config.h"
#include "../stapes_core.h"
#include "stapes_rounding.h"

#if STAPES_CORTEX_M7

#include "../cortex_m7/stapes_cortex_m7_rows.h"

STAPES_NAKED void stapes_rows_twice(STAPES_UNUSED const int16_t *weights, STAPES_UNUSED const int16_t *x,
                                    STAPES_UNUSED int32_t groups, STAPES_UNUSED const int32_t *rows,
                                    STAPES_UNUSED int16_t *values, STAPES_UNUSED int32_t blocks)
{
    __asm__ volatile(STAPES_ROWS_TWICE_ASSEMBLY);
}

#else

STAPES_HOT
void stapes_rows_twice(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int16_t *values,
                       int32_t blocks)
{
    for (int32_t first = 0; first < blocks; first += STAPES_BLOCKS_AT_ONCE) {
        int32_t sums[4 * STAPES_BLOCKS_AT_ONCE];
        const int32_t left = blocks - first;
        const int32_t count = left < STAPES_BLOCKS_AT_ONCE ? left : STAPES_BLOCKS_AT_ONCE;
        stapes_block_sums(weights, x, groups, rows, 9, count, sums);
        for (int32_t block = 0; block < count; block++) {
            stapes_round_twice(sums + 4 * block, rows + 9 * block + 4, values + 4 * block);
        }
        weights += 8 * groups * count;
        rows += 9 * count;
        values += 4 * count;
    }
}

#endif
