#ifndef STAPES_DOT_H
#define STAPES_DOT_H

/* The inner products, the only place where the multiply-accumulates of the network stand.
 * A target replaces them by defining STAPES_DOT_HEADER as the name of a header with the same two functions.
 * The sums fit in 32 bits for the weights of an exported program: the exporter proves it for each row.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef STAPES_DOT_HEADER
#include STAPES_DOT_HEADER
#else

/* sum of weights[i] * x[i] over size values. */
static inline int32_t stapes_dot_s8_s8(const int8_t *weights, const int8_t *x, int32_t size)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < size; i++) {
        sum += (int32_t)weights[i] * (int32_t)x[i];
    }
    return sum;
}

/* sum of weights[i] * x[i] over size values. */
static inline int32_t stapes_dot_s8_s16(const int8_t *weights, const int16_t *x, int32_t size)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < size; i++) {
        sum += (int32_t)weights[i] * (int32_t)x[i];
    }
    return sum;
}

#endif

#ifdef __cplusplus
}
#endif

#endif
