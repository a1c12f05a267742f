#include "../arithmetic/stapes_arithmetic.h"
#include "../stapes_config.h"
#include "stapes_rounding.h"

STAPES_HOT
void stapes_round_plain(const stapes_matrix *m, const int32_t *sums, const int32_t *multipliers, int16_t *values)
{
    const int32_t zero_point = stapes_rows_zero_point(multipliers[4]);
    const int32_t low = m->narrow ? INT8_MIN : INT16_MIN;
    const int32_t high = m->narrow ? INT8_MAX : INT16_MAX;
    for (int32_t i = 0; i < 4; i++) {
        const int32_t shift = -stapes_rows_shift(multipliers[4], i);
        const int32_t scaled = m->rounding == STAPES_ONCE ? stapes_requantise_64(sums[i], multipliers[i], shift)
                                                          : stapes_requantise_double(sums[i], multipliers[i], shift);
        values[i] = (int16_t)stapes_clamp_offset(scaled, zero_point, low, high);
    }
}
