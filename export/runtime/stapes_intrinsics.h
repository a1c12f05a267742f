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
    const int64_t product = (int64_t)a * b;
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)((uint64_t)product & 0xFFFFFFFFu) >> 31);
}

/* c + round(a * b / 2^32), half upwards. */
static inline int32_t stapes_add_high_product(int32_t c, int32_t a, int32_t b)
{
    return c + stapes_high_product(a, b);
}

/* The sum of the products of both pairs of signed halfwords. */
static inline int32_t stapes_dual_product(uint32_t a, uint32_t b)
{
    return (int32_t)(int16_t)(a & 0xFFFFu) * (int16_t)(b & 0xFFFFu) + (int32_t)(int16_t)(a >> 16) * (int16_t)(b >> 16);
}

/* x, at most 2^15 - 1 and at least -2^15. */
static inline int32_t stapes_saturate_s16(int32_t x)
{
    return x == (int16_t)x ? x : (x >> 31) ^ INT16_MAX;
}

/* x, at most 127 and at least -128. */
static inline int32_t stapes_saturate_s8(int32_t x)
{
    return x == (int8_t)x ? x : (x >> 31) ^ INT8_MAX;
}

#endif

/* The lower and the upper of two signed halfwords. */
static inline int32_t stapes_low_half(int32_t both)
{
    return (int32_t)(int16_t)(uint16_t)((uint32_t)both & 0xFFFFu);
}

static inline int32_t stapes_high_half(int32_t both)
{
    return both >> 16;
}

/* round(x / 2^(32 - log2(power))), half away from zero; power = 2^2 .. 2^30, x above INT32_MIN. */
static inline int32_t stapes_divide_high(int32_t x, int32_t power)
{
    return stapes_high_product(x + (x >> 31), power);
}

#ifdef __cplusplus
}
#endif

#endif
