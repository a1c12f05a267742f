/* The inline functions of stapes_audio_scalar.h over arrays. */

#include "stapes_audio_scalar.h"

void scalar_isqrt(int32_t size, const uint32_t *x, uint32_t *y);
void scalar_isqrt_64(int32_t size, const uint64_t *x, uint32_t *y);
void scalar_log2_q16(int32_t size, const uint32_t *x, int32_t *y);
void scalar_exp2_q20(int32_t size, const int32_t *x, int32_t *y);
void scalar_normalise(int32_t size, const uint64_t *x, uint32_t *mantissa, int32_t *exponent);
void scalar_ratio(int32_t size, const uint64_t *numerator, const uint64_t *denominator, int32_t fraction_bits,
                  int32_t limit, int32_t *y);

void scalar_isqrt(int32_t size, const uint32_t *x, uint32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = stapes_isqrt(x[i]);
    }
}

void scalar_isqrt_64(int32_t size, const uint64_t *x, uint32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = stapes_isqrt_64(x[i]);
    }
}

void scalar_log2_q16(int32_t size, const uint32_t *x, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = stapes_log2_q16(x[i]);
    }
}

void scalar_exp2_q20(int32_t size, const int32_t *x, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = stapes_exp2_q20(x[i]);
    }
}

void scalar_normalise(int32_t size, const uint64_t *x, uint32_t *mantissa, int32_t *exponent)
{
    for (int32_t i = 0; i < size; i++) {
        const stapes_normal normal = stapes_normalise(x[i]);
        mantissa[i] = normal.mantissa;
        exponent[i] = normal.exponent;
    }
}

void scalar_ratio(int32_t size, const uint64_t *numerator, const uint64_t *denominator, int32_t fraction_bits,
                  int32_t limit, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = stapes_ratio(stapes_normalise(numerator[i]), stapes_normalise(denominator[i]), fraction_bits, limit);
    }
}
