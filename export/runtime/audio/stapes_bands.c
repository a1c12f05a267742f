#include "stapes_bands.h"

/* power * gain^2 of a bin in Q40, cut off; gain2_q30 may be null, for a gain of one. */
static uint64_t filtered_q40(const uint64_t *power_q40, const int32_t *gain2_q30, int32_t k)
{
    stapes_normal power;
    if (gain2_q30 == NULL) {
        return power_q40[k];
    }
    power = stapes_normalise(power_q40[k]);
    return ((uint64_t)power.mantissa * (uint32_t)gain2_q30[k]) >> (30 - power.exponent);
}

static int32_t octaves_q16(const stapes_bands_params *p, const uint64_t *power_q40, const int32_t *gain2_q30,
                           int32_t band)
{
    const int32_t end = p->edges[band + 1];
    uint64_t sum_q40 = 0;
    stapes_normal power;
    for (int32_t k = p->edges[band]; k < end; k++) {
        sum_q40 += filtered_q40(power_q40, gain2_q30, k);
    }
    power = stapes_normalise(sum_q40);
    power.exponent -= 40;
    return stapes_floored_octaves_q16(power, p->level->floor_q16 + p->width_log2_q16[band]) - p->width_log2_q16[band];
}

static int32_t mean_gain_q20(const stapes_bands_params *p, const uint16_t *gain_q15, int32_t band)
{
    const int32_t end = p->edges[band + 1];
    int64_t sum_q15 = 0;
    for (int32_t k = p->edges[band]; k < end; k++) {
        sum_q15 += (int64_t)gain_q15[k];
    }
    return (int32_t)((sum_q15 * p->width_reciprocal_q31[band] + ((int64_t)1 << 30)) >> 31) << 5;
}

static int32_t feature_q20(const stapes_bands_params *p, int32_t octaves_q24)
{
    int32_t value_q20 = stapes_round_right(octaves_q24, 4 + p->range_shift);
    value_q20 = value_q20 < p->clip_q20 ? value_q20 : p->clip_q20;
    return value_q20 > -p->clip_q20 ? value_q20 : -p->clip_q20;
}

void stapes_bands_reset(const stapes_bands_params *p, stapes_bands_state *state)
{
    stapes_level_begin(p->level, state);
}

void stapes_bands(const stapes_bands_params *p, stapes_bands_state *state, const uint64_t *power_q40,
                  const int32_t *gain2_q30, const uint16_t *gain_q15, bool silent, int32_t *features_q20)
{
    const int32_t bands = p->level->count;
    int64_t sum_q16 = 0;
    for (int32_t band = 0; band < bands; band++) {
        features_q20[band] = octaves_q16(p, power_q40, gain2_q30, band);
        sum_q16 += features_q20[band];
    }
    stapes_level_move(p->level, state, sum_q16, silent);
    for (int32_t band = 0; band < bands; band++) {
        features_q20[band] = feature_q20(p, features_q20[band] * 256 - state->level_q24);
    }
    if (gain_q15 != NULL) {
        for (int32_t band = 0; band < bands; band++) {
            features_q20[bands + band] = mean_gain_q20(p, gain_q15, band);
        }
    }
}
