#include "stapes_log.h"

/* Eight octaves are one. */
static int32_t feature_q20(const stapes_log_params *p, int32_t octaves_q24)
{
    int32_t value_q20 = stapes_round_right(octaves_q24, 4 + p->range_shift);
    value_q20 = value_q20 < p->clip_q20 ? value_q20 : p->clip_q20;
    return value_q20 > -p->clip_q20 ? value_q20 : -p->clip_q20;
}

void stapes_log_reset(const stapes_log_params *p, stapes_log_state *state)
{
    stapes_level_begin(p->level, state);
}

void stapes_log(const stapes_log_params *p, stapes_log_state *state, const uint64_t *power_q40,
                const int32_t *gain2_q30, const uint16_t *gain_q15, bool silent, int32_t *features_q20)
{
    const int32_t bins = p->level->count;
    const int32_t floor_q16 = p->level->floor_q16;
    int64_t sum_q16 = 0;
    for (int32_t k = 0; k < bins; k++) {
        const int32_t octaves = stapes_floored_octaves_q16(stapes_filtered_power(power_q40, gain2_q30, k), floor_q16);
        features_q20[k] = octaves;
        sum_q16 += octaves;
    }
    stapes_level_move(p->level, state, sum_q16, silent);
    for (int32_t k = 0; k < bins; k++) {
        features_q20[k] = feature_q20(p, features_q20[k] * 256 - state->level_q24);
    }
    stapes_append_gains(gain_q15, bins, features_q20);
}
