#ifndef STAPES_CORTEX_M7_INTRINSICS_H
#define STAPES_CORTEX_M7_INTRINSICS_H

/* Single instructions of the Cortex-M7 as functions; stapes_intrinsics.h has them in portable C. */

#include "../stapes_core.h"

#include <stdint.h>

#if STAPES_CORTEX_M7

/* round(a * b / 2^32), half upwards. */
static inline int32_t stapes_high_product(int32_t a, int32_t b)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/* c + round(a * b / 2^32), half upwards. */
static inline int32_t stapes_add_high_product(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* c + round(-a * b / 2^32), half upwards. */
static inline int32_t stapes_subtract_high_product(int32_t c, int32_t a, int32_t b)
{
    int32_t rest;
    __asm__("smmlsr %0, %1, %2, %3" : "=r"(rest) : "r"(a), "r"(b), "r"(c));
    return rest;
}

/* The sum of the products of both pairs of signed halfwords. */
static inline int32_t stapes_dual_product(uint32_t a, uint32_t b)
{
    int32_t sum;
    __asm__("smuad %0, %1, %2" : "=r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* c + a * b / 2^16, rounded downwards, for b the lower or the upper halfword of two. */
static inline int32_t stapes_add_low_product(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlawb %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

static inline int32_t stapes_add_upper_product(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* c + a * b for the lower or the upper halfwords of a and b. */
static inline int32_t stapes_add_low_halves(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

static inline int32_t stapes_add_upper_halves(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* The lower halfwords of two words in one: that of `upper` above that of `lower`. */
static inline int32_t stapes_join_halves(int32_t lower, int32_t upper)
{
    int32_t both;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(both) : "r"(lower), "r"(upper));
    return both;
}

/* The upper halfword of x above zeros. */
static inline int32_t stapes_upper_alone(int32_t x)
{
    int32_t upper;
    __asm__("pkhtb %0, %1, %2" : "=r"(upper) : "r"(x), "r"(0));
    return upper;
}

/* Both halfwords of x, zero where they are below it. */
static inline int32_t stapes_rectified_halves(int32_t x)
{
    int32_t rectified;
    __asm__("usat16 %0, #15, %1" : "=r"(rectified) : "r"(x));
    return rectified;
}

/* For each halfword of x: that of a where it is 0 or more, else that of b. */
static inline int32_t stapes_choose_by_sign(int32_t x, int32_t a, int32_t b)
{
    int32_t chosen;
    __asm__("sadd16 %0, %1, %2\n\tsel %0, %3, %4" : "=&r"(chosen) : "r"(x), "r"(0), "r"(a), "r"(b));
    return chosen;
}

/* c + the sum of the products of both pairs of signed halfwords. */
static inline int32_t stapes_add_dual_product(int32_t c, uint32_t a, uint32_t b)
{
    int32_t sum;
    __asm__("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* x, at most 2^28 - 1 and at least -2^28. */
static inline int32_t stapes_saturate_s29(int32_t x)
{
    int32_t saturated;
    __asm__("ssat %0, #29, %1" : "=r"(saturated) : "r"(x));
    return saturated;
}

/* x, at most 2^15 - 1 and at least -2^15. */
static inline int32_t stapes_saturate_s16(int32_t x)
{
    int32_t saturated;
    __asm__("ssat %0, #16, %1" : "=r"(saturated) : "r"(x));
    return saturated;
}

/* x, at most 127 and at least -128. */
static inline int32_t stapes_saturate_s8(int32_t x)
{
    int32_t saturated;
    __asm__("ssat %0, #8, %1" : "=r"(saturated) : "r"(x));
    return saturated;
}

/* Blocks of 16 halfwords, one after the other; both lie on boundaries of 4 bytes. At least one block. */
static inline void stapes_move_blocks(int16_t *to, const int16_t *from, int32_t blocks)
{
    __asm__ volatile("1:\n\t"
                     "ldm %1!, {r3, r4, r5, r6, r8, r9, r10, r12}\n\t"
                     "subs %2, %2, #1\n\t"
                     "stm %0!, {r3, r4, r5, r6, r8, r9, r10, r12}\n\t"
                     "bne 1b"
                     : "+r"(to), "+r"(from), "+r"(blocks)
                     :
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "cc", "memory");
}

/* The sum and the square of the low or of the high halfword of a pair. */
static inline int64_t stapes_add_low_square(int64_t sum, uint32_t pair)
{
    __asm__("smlalbb %Q0, %R0, %1, %1" : "+r"(sum) : "r"(pair));
    return sum;
}

static inline int64_t stapes_add_high_square(int64_t sum, uint32_t pair)
{
    __asm__("smlaltt %Q0, %R0, %1, %1" : "+r"(sum) : "r"(pair));
    return sum;
}

#endif

#endif
