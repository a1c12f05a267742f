#include "../arithmetic/stapes_arithmetic.h"
#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_regions.h"

static int16_t requantised(const stapes_energy_s16_params *p, int64_t sum)
{
    return (int16_t)stapes_clamp(stapes_requantise_64(sum, p->multiplier_q31, p->shift), p->output_min, p->output_max);
}

/* Two channels at once. */
static void pair_of_channels(const stapes_energy_s16_params *p, const int16_t *x, int16_t *y)
{
    const int32_t channels = p->channels;
    int64_t low = 0, high = 0;
    for (int32_t row = p->rows; row > 0; row--) {
        const uint32_t pair = (uint32_t)(uint16_t)x[0] | ((uint32_t)(uint16_t)x[1] << 16);
        low = stapes_add_low_square(low, pair);
        high = stapes_add_high_square(high, pair);
        x += channels;
    }
    y[0] = requantised(p, low);
    y[1] = requantised(p, high);
}

void stapes_energy_s16(const stapes_energy_s16_params *p, const int16_t *x, int16_t *y)
{
    const int32_t pairs = p->channels / 2;
    for (int32_t pair = 0; pair < pairs; pair++) {
        pair_of_channels(p, x + 2 * pair, y + 2 * pair);
    }
    if (p->channels % 2 != 0) {
        const int16_t *value = x + 2 * pairs;
        int64_t sum = 0;
        for (int32_t row = 0; row < p->rows; row++) {
            sum += (int32_t)*value * (int32_t)*value;
            value += p->channels;
        }
        y[2 * pairs] = requantised(p, sum);
    }
}
