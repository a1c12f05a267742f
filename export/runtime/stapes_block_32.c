#include "stapes_intrinsics.h"
#include "stapes_rows.h"

#if STAPES_CORTEX_M7

STAPES_NAKED void stapes_block_32(STAPES_UNUSED const int16_t *weights, STAPES_UNUSED const int16_t *x,
                                  STAPES_UNUSED int32_t groups, STAPES_UNUSED const int32_t *bias,
                                  STAPES_UNUSED int32_t *sums)
{
    __asm__ volatile(STAPES_BLOCK_32_ASSEMBLY);
}

#else

void stapes_block_32(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *bias, int32_t *sums)
{
    stapes_block(weights, x, groups, bias, sums);
}

#endif
