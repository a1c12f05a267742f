#include "stapes_intrinsics.h"
#include "stapes_rows.h"

#if STAPES_CORTEX_M7

STAPES_NAKED void stapes_rows_once(STAPES_UNUSED const int16_t *weights, STAPES_UNUSED const int16_t *x,
                                   STAPES_UNUSED int32_t groups, STAPES_UNUSED const int32_t *rows,
                                   STAPES_UNUSED int16_t *values, STAPES_UNUSED int32_t blocks)
{
    __asm__ volatile(STAPES_ROWS_ONCE_ASSEMBLY);
}

#else

void stapes_rows_once(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int16_t *values,
                      int32_t blocks)
{
    for (int32_t block = 0; block < blocks; block++) {
        int32_t sums[4];
        stapes_block(weights, x, groups, rows, sums);
        for (int32_t i = 0; i < 4; i++) {
            const int32_t scaled = stapes_high_product(sums[i], rows[4 + i]);
            values[i] = (int16_t)stapes_saturate_s16(scaled);
        }
        weights += 8 * groups;
        rows += 8;
        values += 4;
    }
}

#endif
