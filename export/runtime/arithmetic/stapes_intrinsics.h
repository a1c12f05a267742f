#ifndef STAPES_INTRINSICS_H
#define STAPES_INTRINSICS_H

/* Single instructions of the Cortex-M7 as functions, in portable C for everything else. */

#include <stdint.h>

#include "../stapes_core.h"
#if STAPES_CORTEX_M7
#include "../cortex_m7/stapes_cortex_m7_intrinsics.h"
#endif

#ifdef __cplusplus
extern "C" {
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

#if !STAPES_CORTEX_M7

/* round(a * b / 2^32), half upwards. */
static inline int32_t stapes_high_product(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
#if defined(__x86_64__) || defined(__aarch64__) /* a sum of 64 bits is one instruction */
    return (int32_t)((product + ((int64_t)1 << 31)) >> 32);
#else
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)((uint64_t)product & 0xFFFFFFFFu) >> 31);
#endif
}

/* c + round(a * b / 2^32), half upwards. */
static inline int32_t stapes_add_high_product(int32_t c, int32_t a, int32_t b)
{
    return c + stapes_high_product(a, b);
}

/* c + round(-a * b / 2^32), half upwards. */
static inline int32_t stapes_subtract_high_product(int32_t c, int32_t a, int32_t b)
{
    return c + (int32_t)((((int64_t)1 << 31) - (int64_t)a * b) >> 32);
}

/* The sum of the products of both pairs of signed halfwords. */
static inline int32_t stapes_dual_product(uint32_t a, uint32_t b)
{
    return (int32_t)(int16_t)(a & 0xFFFFu) * (int16_t)(b & 0xFFFFu) + (int32_t)(int16_t)(a >> 16) * (int16_t)(b >> 16);
}

/* c + a * b / 2^16, rounded downwards, for b the lower or the upper halfword of two. */
static inline int32_t stapes_add_low_product(int32_t c, int32_t a, int32_t b)
{
    return c + (int32_t)(((int64_t)a * (int32_t)((uint32_t)b << 16)) >> 32);
}

static inline int32_t stapes_add_upper_product(int32_t c, int32_t a, int32_t b)
{
    return c + (int32_t)(((int64_t)a * stapes_high_half(b)) >> 16);
}

/* c + a * b for the lower or the upper halfwords of a and b. */
static inline int32_t stapes_add_low_halves(int32_t c, int32_t a, int32_t b)
{
    return c + stapes_low_half(a) * stapes_low_half(b);
}

static inline int32_t stapes_add_upper_halves(int32_t c, int32_t a, int32_t b)
{
    return c + stapes_high_half(a) * stapes_high_half(b);
}

/* The lower halfwords of two words in one: that of `upper` above that of `lower`. */
static inline int32_t stapes_join_halves(int32_t lower, int32_t upper)
{
    return (int32_t)(((uint32_t)lower & 0xFFFFu) | ((uint32_t)upper << 16));
}

/* The upper halfword of x above zeros. */
static inline int32_t stapes_upper_alone(int32_t x)
{
    return (int32_t)((uint32_t)x & 0xFFFF0000u);
}

/* Both halfwords of x, zero where they are below it. */
static inline int32_t stapes_rectified_halves(int32_t x)
{
    const int32_t lower = stapes_low_half(x) > 0 ? x : 0;
    const int32_t upper = x > 0 ? x : 0;
    return (int32_t)(((uint32_t)lower & 0xFFFFu) | ((uint32_t)upper & 0xFFFF0000u));
}

/* For each halfword of x: that of a where it is 0 or more, else that of b. */
static inline int32_t stapes_choose_by_sign(int32_t x, int32_t a, int32_t b)
{
    const int32_t lower = stapes_low_half(x) >= 0 ? a : b;
    const int32_t upper = stapes_high_half(x) >= 0 ? a : b;
    return (int32_t)(((uint32_t)lower & 0xFFFFu) | ((uint32_t)upper & 0xFFFF0000u));
}

/* c + the sum of the products of both pairs of signed halfwords. */
static inline int32_t stapes_add_dual_product(int32_t c, uint32_t a, uint32_t b)
{
    return c + stapes_dual_product(a, b);
}

/* The sum and the square of the low or of the high halfword of a pair. */
static inline int64_t stapes_add_low_square(int64_t sum, uint32_t pair)
{
    const int64_t value = (int16_t)(pair & 0xFFFFu);
    return sum + value * value;
}

static inline int64_t stapes_add_high_square(int64_t sum, uint32_t pair)
{
    const int64_t value = (int16_t)(pair >> 16);
    return sum + value * value;
}

/* x, at most 2^28 - 1 and at least -2^28. */
static inline int32_t stapes_saturate_s29(int32_t x)
{
    const int32_t largest = (1 << 28) - 1;
    return x > largest ? largest : x < -largest - 1 ? -largest - 1 : x;
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

/* round(x / 2^(32 - log2(power))), half away from zero; power = 2^2 .. 2^30, x above INT32_MIN. */
static inline int32_t stapes_divide_high(int32_t x, int32_t power)
{
    return stapes_high_product(x + (x >> 31), power);
}

#ifdef __cplusplus
}
#endif

#endif
