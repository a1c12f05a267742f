#ifndef STAPES_ROUNDING_H
#define STAPES_ROUNDING_H

/* How the four sums of a block become its values, in portable C. The multipliers of a block are followed by the word of
 * its shifts, where the rounding has shifts.
 */

#include "stapes_intrinsics.h"
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

static inline int16_t stapes_twice(int32_t sum, const int32_t *multipliers, int32_t i)
{
    const int32_t power = (int32_t)1 << (32 - stapes_rows_shift(multipliers[4], i));
    const int32_t scaled = stapes_divide_high(stapes_high_product(2 * sum, multipliers[i]), power);
    return (int16_t)stapes_saturate_s8(scaled + stapes_rows_zero_point(multipliers[4]));
}

/* STAPES_TWICE_HIGH. */
static inline void stapes_round_twice(const int32_t *sums, const int32_t *multipliers, int16_t *values)
{
    values[0] = stapes_twice(sums[0], multipliers, 0);
    values[1] = stapes_twice(sums[1], multipliers, 1);
    values[2] = stapes_twice(sums[2], multipliers, 2);
    values[3] = stapes_twice(sums[3], multipliers, 3);
}

#endif

#ifdef __cplusplus
}
#endif

#endif
