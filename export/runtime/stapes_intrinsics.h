#ifndef STAPES_INTRINSICS_H
#define STAPES_INTRINSICS_H

/* Single instructions of the Cortex-M7 as functions, in portable C for everything else. */

#include <stdint.h>

#include "stapes_cortex_m7.h"

#ifdef __cplusplus
extern "C" {
#endif

#if !STAPES_CORTEX_M7

/* round(a * b / 2^32), half upwards. */
static inline int32_t stapes_high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
}

#endif

#ifdef __cplusplus
}
#endif

#endif
