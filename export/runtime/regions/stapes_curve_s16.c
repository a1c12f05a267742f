#include "../arithmetic/stapes_arithmetic.h"
#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_regions.h"

/* One table: base + slope * (distance of x from the middle of its cell of 256 codes). */
static int32_t value_of(const stapes_curve_level *level, int32_t x)
{
    const int32_t fine = stapes_saturate_s16(
        stapes_requantise_double(x, level->fine_multiplier_q31, level->fine_shift));
    const int32_t cell = stapes_requantise_double(fine, (int32_t)1 << 30, -7);
    const int32_t offset = fine - stapes_saturate_s16(cell * 256);
    const int32_t rise = stapes_requantise_double(offset * level->slope[cell + 128], level->rise_multiplier_q31,
                                                  level->rise_shift);
    return stapes_saturate_s16(level->base[cell + 128] + stapes_saturate_s16(rise));
}

void stapes_curve_s16(const stapes_curve_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        int32_t sum = value_of(&p->first, x[i]);
        if (p->count > 1) {
            sum = stapes_saturate_s16(sum + value_of(&p->second, x[i]));
        }
        if (p->count > 2) {
            sum = stapes_saturate_s16(sum + value_of(&p->third, x[i]));
        }
        y[i] = (int16_t)stapes_saturate_s16(p->doubled != 0 ? 2 * sum : sum);
    }
}
