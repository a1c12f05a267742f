#ifndef STAPES_ARITHMETIC_H
#define STAPES_ARITHMETIC_H

/* Rounding and multipliers of TFLite Micro. The Python twins stand in quantize/arithmetic.py under the same names.
 * A real multiplier is multiplier_q31 / 2^31 * 2^shift.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* C99 leaves the right shift of a negative number to the compiler; every formula here needs the arithmetic one. */
typedef char stapes_needs_arithmetic_right_shift[((-3) >> 1) == -2 ? 1 : -1];

static inline int32_t stapes_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* clamp(x + zero_point, low, high) for any x: the limits move instead of x, so that nothing overflows. */
static inline int32_t stapes_clamp_offset(int32_t x, int32_t zero_point, int32_t low, int32_t high)
{
    return stapes_clamp(x, low - zero_point, high - zero_point) + zero_point;
}

/* The low 32 bits of x * 2^shift. */
static inline int32_t stapes_shift_left(int32_t x, int32_t shift)
{
    return (int32_t)((uint32_t)x << shift);
}

/* round(a * b / 2^31), half upwards, saturated for a = b = INT32_MIN. */
static inline int32_t stapes_saturating_rounding_doubling_high_mul(int32_t a, int32_t b)
{
    const int64_t rounded = ((int64_t)a * b + ((int64_t)1 << 30)) >> 31;
    return rounded > INT32_MAX ? INT32_MAX : (int32_t)rounded;
}

/* round(x / 2^exponent), half away from zero; exponent in 0..31. */
static inline int32_t stapes_rounding_divide_by_pot(int32_t x, int32_t exponent)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1u);
    const int32_t rest = x & mask;
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + (rest > threshold ? 1 : 0);
}

/* x * multiplier_q31 / 2^31 * 2^shift, rounded twice: the two functions above in one, in fewer steps; shift in -31..31,
 * multipliers from 0 on.
 */
static inline int32_t stapes_requantise_double(int32_t x, int32_t multiplier_q31, int32_t shift)
{
    const int32_t shifted = stapes_shift_left(x, shift > 0 ? shift : 0);
    const int32_t scaled = (int32_t)(((int64_t)shifted * multiplier_q31 + ((int64_t)1 << 30)) >> 31);
    if (shift >= 0) {
        return scaled;
    }
    /* Half away from zero is half upwards with one less for negative numbers. */
    return (((scaled + (scaled >> 31)) >> (-shift - 1)) + 1) >> 1;
}

/* The same with the multiplier reduced to Q15 and one rounding; |x| < 2^47, shift in -31..14, the result fits in 32 bits. */
static inline int32_t stapes_requantise_64(int64_t x, int32_t multiplier_q31, int32_t shift)
{
    const int32_t reduced_q15 = multiplier_q31 < 0x7FFF0000 ? (multiplier_q31 + (1 << 15)) >> 16 : 0x7FFF;
    const int32_t total = 15 - shift;
    return (int32_t)((x * reduced_q15 + ((int64_t)1 << (total - 1))) >> total);
}

#ifdef __cplusplus
}
#endif

#endif
