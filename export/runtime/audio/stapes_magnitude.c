#include "stapes_magnitude.h"

#include "stapes_level.h"

/* |X| * gain from the filtered power. */
static int32_t magnitude_q20(stapes_normal filtered, int32_t window_power_log2)
{
    const int32_t exponent = filtered.exponent + window_power_log2;
    const int32_t odd = exponent & 1;
    const uint32_t root = stapes_isqrt(filtered.mantissa >> odd);
    const int32_t shift = ((exponent + odd) >> 1) + 20;
    return stapes_shift_round((int32_t)root, shift > -31 ? shift : -31);
}

void stapes_magnitude(const stapes_magnitude_params *p, const uint64_t *power_q40, const int32_t *gain2_q30,
                      const uint16_t *gain_q15, int32_t *features_q20)
{
    for (int32_t k = 0; k < p->bins; k++) {
        features_q20[k] = magnitude_q20(stapes_filtered_power(power_q40, gain2_q30, k), p->window_power_log2);
    }
    stapes_append_gains(gain_q15, p->bins, features_q20);
}
