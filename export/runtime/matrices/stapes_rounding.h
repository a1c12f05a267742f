#ifndef STAPES_ROUNDING_H
#define STAPES_ROUNDING_H

/* How the four sums of a block become its values, in portable C. The multipliers of a block are followed by the word of
 * its shifts, where the rounding has shifts.
 */

#include "../arithmetic/stapes_intrinsics.h"
#include "../stapes_core.h"
#include "stapes_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* STAPES_ONCE and STAPES_TWICE. */
void stapes_round_plain(const stapes_matrix *m, const int32_t *sums, const int32_t *multipliers, int16_t *values);

#if !STAPES_CORTEX_M7

static inline int16_t stapes_once(int32_t sum, int32_t multiplier)
{
    return (int16_t)stapes_saturate_s16(stapes_high_product(sum, multiplier));
}

/* STAPES_ONCE_HIGH. */
static inline void stapes_round_once(const int32_t *sums, const int32_t *multipliers, int16_t *values)
{
    values[0] = stapes_once(sums[0], multipliers[0]);
    values[1] = stapes_once(sums[1], multipliers[1]);
    values[2] = stapes_once(sums[2], multipliers[2]);
    values[3] = stapes_once(sums[3], multipliers[3]);
}

/* STAPES_TWICE_HIGH: step by step over the block, as compilers make vector instructions of that. */
static inline void stapes_round_twice(const int32_t *sums, const int32_t *multipliers, int16_t *values)
{
    const uint32_t word = (uint32_t)multipliers[4];
    const int32_t zero_point = stapes_rows_zero_point(multipliers[4]);
    int32_t scaled[4];
    for (int32_t i = 0; i < 4; i++) {
        const int64_t product = (int64_t)sums[i] * multipliers[i] + ((int64_t)1 << 30);
        scaled[i] = (int32_t)(uint32_t)(((uint64_t)product >> 31) & 0xFFFFFFFFu);
    }
    for (int32_t i = 0; i < 4; i++) {
        const int32_t right = (int32_t)(word << (26 - 6 * i)) >> 26;
        const int32_t halved = (scaled[i] + (scaled[i] >> 31)) >> (right - 1);
        const int32_t value = ((halved + 1) >> 1) + zero_point;
        values[i] = (int16_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
}

#endif

#ifdef __cplusplus
}
#endif

#endif
