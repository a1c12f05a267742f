#ifndef STAPES_OVERLAP_ADD_H
#define STAPES_OVERLAP_ADD_H

/* A sample of an inverse transform, windowed, and the samples that are made of its sums: what all stages that end a frame share.
 */

#include <stdint.h>

#include "stapes_audio_scalar.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What sound of 32 bits is saturated to, 32 times full scale: sums of its products have room in 64 bits. */
#define STAPES_LOUDEST_Q25 ((1 << 30) - 1)

/* A sample of the inverse transform, brought to the level that it had before its exponent. */
static inline int32_t stapes_windowed_q25(int32_t sample, int32_t window_q31, int32_t shift, int32_t exponent)
{
    return stapes_round_right(stapes_multiply_high(stapes_shift_left(sample, shift), window_q31), exponent);
}

/* The same of mixed radix, before its exponents. A filter may make a frame louder than any room: what is beyond 128 times full
 * scale is saturated.
 */
static inline int32_t stapes_windowed_q22(int32_t sample, int32_t window_q31, int32_t left, int32_t right)
{
    const int32_t largest = INT32_MAX >> left;
    const int32_t shifted = stapes_shift_left(stapes_clamp(sample, -largest, largest), left);
    return stapes_round_right(stapes_multiply_high(shifted, window_q31), right);
}

#ifdef __cplusplus
}
#endif

#endif
