#include "../arithmetic/stapes_intrinsics.h"
#include "../stapes_config.h"
#include "../stapes_core.h"
#include "stapes_rounding.h"
#include "stapes_sparse.h"

#if STAPES_CORTEX_M7

#include "../cortex_m7/stapes_cortex_m7_sparse.h"

STAPES_NAKED void stapes_sparse_once(STAPES_UNUSED const int16_t *weights, STAPES_UNUSED const int16_t *x,
                                     STAPES_UNUSED int32_t start, STAPES_UNUSED const int32_t *rows,
                                     STAPES_UNUSED int16_t *values, STAPES_UNUSED int32_t blocks)
{
    __asm__ volatile(STAPES_SPARSE_ONCE_ASSEMBLY);
}

#else

STAPES_HOT
void stapes_sparse_once(const int16_t *weights, const int16_t *x, int32_t start, const int32_t *rows, int16_t *values,
                        int32_t blocks)
{
    int32_t at = start;
    for (int32_t first = 0; first < blocks; first += STAPES_BLOCKS_AT_ONCE) {
        int32_t sums[4 * STAPES_BLOCKS_AT_ONCE];
        const int32_t left = blocks - first;
        const int32_t count = left < STAPES_BLOCKS_AT_ONCE ? left : STAPES_BLOCKS_AT_ONCE;
        at = stapes_sparse_sums(weights, at, x, rows, 10, count, sums);
        for (int32_t block = 0; block < count; block++) {
            stapes_round_once(sums + 4 * block, rows + 10 * block + 6, values + 4 * block);
        }
        rows += 10 * count;
        values += 4 * count;
    }
}

#endif
