#ifndef STAPES_AUDIO_SCALAR_H
#define STAPES_AUDIO_SCALAR_H

/* Integer functions of one number that the audio path is made of. The Python twins stand in
 * firmware_sim/audio/scalar.py under the same names.
 */

#include <stdint.h>

#include "../arithmetic/stapes_arithmetic.h"

#if defined(__ICCARM__)
#include <intrinsics.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* mantissa * 2^exponent, mantissa in [2^31, 2^32) or 0. */
typedef struct {
    uint32_t mantissa;
    int32_t exponent;
} stapes_normal;

extern const uint32_t stapes_log2_q16_table[129];
extern const uint32_t stapes_exp2_q29_table[129];

/* Zero bits above the leading one of x > 0. */
static inline int32_t stapes_leading_zeros(uint32_t x)
{
#if defined(__ICCARM__)
    return (int32_t)__CLZ(x);
#elif defined(__GNUC__) || defined(__clang__)
    return (int32_t)__builtin_clz(x);
#else
    int32_t zeros = 0;
    for (int32_t step = 16; step > 0; step >>= 1) {
        if ((x >> (32 - step)) == 0u) {
            zeros += step;
            x <<= step;
        }
    }
    return zeros;
#endif
}

static inline stapes_normal stapes_normalise_32(uint32_t x)
{
    const int32_t zeros = x != 0u ? stapes_leading_zeros(x) : 32;
    const stapes_normal normal = {x != 0u ? x << zeros : 0u, -zeros};
    return normal;
}

/* Bits under the mantissa are cut off. */
static inline stapes_normal stapes_normalise(uint64_t x)
{
    const uint32_t high = (uint32_t)(x >> 32);
    stapes_normal normal;
    if (high == 0u) {
        return stapes_normalise_32((uint32_t)x);
    }
    normal.exponent = 32 - stapes_leading_zeros(high);
    normal.mantissa = (uint32_t)(x >> normal.exponent);
    return normal;
}

/* min(numerator / denominator, limit) with `fraction_bits`; limit at most 2^30, denominator not 0.
 * One 32-bit division: the denominator is rounded to 16 bits, so the quotient is good to 1.5e-5 of its value.
 */
static inline int32_t stapes_ratio(stapes_normal numerator, stapes_normal denominator, int32_t fraction_bits,
                                   int32_t limit)
{
    const uint32_t divisor = (denominator.mantissa >> 16) + ((denominator.mantissa >> 15) & 1u);
    const uint32_t quotient = numerator.mantissa / divisor;
    const int32_t shift = numerator.exponent - denominator.exponent - 16 + fraction_bits;
    uint32_t scaled;
    if (quotient == 0u || shift < -31) {
        return 0;
    }
    if (shift > 14) {
        return limit;
    }
    scaled = shift < 0 ? quotient >> -shift : quotient << shift;
    return scaled < (uint32_t)limit ? (int32_t)scaled : limit;
}

/* floor(sqrt(x)): a straight line through the roots of [1, 4), two steps of Newton's, and what those leave. */
static inline uint32_t stapes_isqrt(uint32_t x)
{
    int32_t shift;
    uint32_t scaled;
    uint32_t root;
    if (x == 0u) {
        return 0u;
    }
    shift = stapes_leading_zeros(x) & ~1;
    scaled = x << shift;
    root = (((scaled >> 16) * 43691u) >> 16) + 22938u;
    root = (root + scaled / root) >> 1;
    root = (root + scaled / root) >> 1;
    if (root > 65535u || root * root > scaled) {
        root--;
    }
    return root >> (shift >> 1);
}

/* floor(sqrt(x)): the root of the upper half, one digit of 16 bits more by division, and what that leaves.
 * Zimmermann, Karatsuba square root (1999), with base 2^16.
 */
static inline uint32_t stapes_isqrt_64(uint64_t x)
{
    int32_t shift;
    uint64_t scaled;
    uint32_t high;
    uint32_t root;
    uint32_t digit;
    if (x >> 32 == 0u) {
        return stapes_isqrt((uint32_t)x);
    }
    shift = stapes_leading_zeros((uint32_t)(x >> 32)) & ~1;
    scaled = x << shift;
    high = (uint32_t)(scaled >> 32);
    root = stapes_isqrt(high);
    /* Halved above and below: the rest is at most 2 * root, and stays within 32 bits. */
    digit = (((high - root * root) << 15) + ((uint32_t)scaled >> 17)) / root;
    root = (root << 16) + (digit < 65535u ? digit : 65535u);
    if ((uint64_t)root * root > scaled) {
        root--;
    }
    return root >> (shift >> 1);
}

/* log2 in Q16 of x > 0: table with linear interpolation, within 2.7e-5. */
static inline int32_t stapes_log2_q16(uint32_t x)
{
    const stapes_normal normal = stapes_normalise_32(x);
    const uint32_t *low = &stapes_log2_q16_table[(normal.mantissa >> 24) & 127u];
    const uint32_t fraction_q16 = (normal.mantissa >> 8) & 0xFFFFu;
    const uint32_t fraction = low[0] + (((low[1] - low[0]) * fraction_q16 + (1u << 15)) >> 16);
    return (normal.exponent + 31) * 65536 + (int32_t)fraction;
}

/* log2 in Q16 of mantissa * 2^exponent, mantissa > 0. */
static inline int32_t stapes_octaves_q16(stapes_normal x)
{
    return stapes_log2_q16(x.mantissa) + x.exponent * 65536;
}

/* round(x / 2^right), half upwards; right in 0..31, x + 2^(right - 1) fits in 32 bits. */
static inline int32_t stapes_round_right(int32_t x, int32_t right)
{
    return (x + (int32_t)((1u << right) >> 1)) >> right;
}

/* x * 2^shift, half upwards where bits fall off; shift in -31..31, the result fits in 32 bits. */
static inline int32_t stapes_shift_round(int32_t x, int32_t shift)
{
    return shift < 0 ? stapes_round_right(x, -shift) : stapes_shift_left(x, shift);
}

/* 2^x of x in Q16 with so many fraction bits: table with linear interpolation, within 4e-6 of the value and half a step. The result
 * is below 2^31, and fewer than 32 bits fall off.
 */
static inline int32_t stapes_exp2(int32_t x_q16, int32_t fraction_bits)
{
    const uint32_t *low = &stapes_exp2_q29_table[(x_q16 >> 9) & 127];
    const uint32_t fraction_q9 = (uint32_t)x_q16 & 511u;
    const uint32_t mantissa_q29 = low[0] + (((low[1] - low[0]) * fraction_q9 + (1u << 8)) >> 9);
    return stapes_shift_round((int32_t)mantissa_q29, (x_q16 >> 16) + fraction_bits - 29);
}

/* 2^x in Q20 of -20 <= x <= 10 in Q16. */
static inline int32_t stapes_exp2_q20(int32_t x_q16)
{
    return stapes_exp2(x_q16, 20);
}

/* round(a * b / 2^32), half upwards (the instruction SMMULR). */
static inline int32_t stapes_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
}

/* 1 / x of 1 to 3: a division of 32 bits and one step of Newton's, right to 1e-8; below one. */
static inline int32_t stapes_inverse_q30(int32_t x_q29)
{
    const int32_t first_q15 = (int32_t)(((uint32_t)1 << 31) / ((uint32_t)x_q29 >> 13));
    const int64_t error_q44 = ((int64_t)1 << 44) - (int64_t)x_q29 * first_q15;
    const int64_t more_q59 = first_q15 * error_q44;
    const int32_t inverse = first_q15 * 32768 + (int32_t)((more_q59 + ((int64_t)1 << 28)) >> 29);
    return inverse < (1 << 30) ? inverse : (1 << 30) - 1;
}

#ifdef __cplusplus
}
#endif

#endif
