#include "stapes_audio.h"
#include "stapes_audio_scalar.h"

/* power * gain^2 = mantissa * 2^exponent of a bin; where the mask stands on the noisy spectrum the gain is one. */
static stapes_normal filtered_power(const stapes_audio_params *p, uint64_t power_q40, int32_t gain2_q30)
{
    stapes_normal power = stapes_normalise(power_q40);
    stapes_normal filtered;
    if (p->mask_on_noisy) {
        power.exponent -= 40;
        return power;
    }
    filtered = stapes_normalise((uint64_t)power.mantissa * (uint32_t)gain2_q30);
    filtered.exponent += power.exponent - 70;
    return filtered;
}

/* |X| * gain from the filtered power. */
static int32_t magnitude_q20(stapes_normal filtered, int32_t window_power_log2)
{
    const int32_t exponent = filtered.exponent + window_power_log2;
    const int32_t odd = exponent & 1;
    const uint32_t root = stapes_isqrt(filtered.mantissa >> odd);
    const int32_t shift = ((exponent + odd) >> 1) + 20;
    return stapes_shift_round((int32_t)root, shift > -31 ? shift : -31);
}

static int32_t floored_octaves_q16(stapes_normal filtered, int32_t floor_q16)
{
    int32_t octaves;
    if (filtered.mantissa == 0u) {
        return floor_q16;
    }
    octaves = stapes_octaves_q16(filtered);
    return octaves > floor_q16 ? octaves : floor_q16;
}

/* The running mean of the octaves over bins and frames that are not silent. */
static void move_level(const stapes_audio_params *p, stapes_audio_state *state, int64_t sum_q16)
{
    const int32_t mean_q24 = (int32_t)((sum_q16 * p->bins_reciprocal_q32) >> 24);
    const int32_t difference = mean_q24 - state->level_q24;
    if (state->silent) {
        return;
    }
    if (state->has_level) {
        state->level_q24 += (difference + (1 << (p->level_shift - 1))) >> p->level_shift;
    } else {
        state->level_q24 = mean_q24;
    }
    state->has_level = true;
}

/* The logarithm itself, or its power law. */
static int32_t compress(const stapes_audio_params *p, int32_t octaves_q24)
{
    int32_t value_q20;
    if (p->features == STAPES_FEATURES_LOG) {
        value_q20 = stapes_round_right(octaves_q24, 4 + p->log_shift);
        value_q20 = value_q20 < p->log_clip_q20 ? value_q20 : p->log_clip_q20;
        return value_q20 > -p->log_clip_q20 ? value_q20 : -p->log_clip_q20;
    }
    value_q20 = (int32_t)(((int64_t)octaves_q24 * p->compression_q31 + ((int64_t)1 << 38)) >> 39);
    value_q20 = value_q20 < 10 * 65536 ? value_q20 : 10 * 65536;
    value_q20 = stapes_exp2_q20(value_q20 > -20 * 65536 ? value_q20 : -20 * 65536);
    return value_q20 < p->compressed_clip_q20 ? value_q20 : p->compressed_clip_q20;
}

static void logarithmic(const stapes_audio_params *p, stapes_audio_state *state, const int32_t *gain2_q30,
                        int32_t *features_q20)
{
    int64_t sum_q16 = 0;
    for (int32_t k = 0; k < p->bins; k++) {
        const stapes_normal filtered = filtered_power(p, state->power_q40[k], gain2_q30[k]);
        const int32_t octaves = floored_octaves_q16(filtered, p->log2_floor_q16);
        features_q20[k] = octaves;
        sum_q16 += octaves;
    }
    move_level(p, state, sum_q16);
    for (int32_t k = 0; k < p->bins; k++) {
        features_q20[k] = compress(p, features_q20[k] * 256 - state->level_q24);
    }
}

void stapes_audio_features(const stapes_audio_params *p, stapes_audio_state *state, const int32_t *gain2_q30,
                           int32_t *features_q20)
{
    if (p->features == STAPES_FEATURES_MAGNITUDE) {
        for (int32_t k = 0; k < p->bins; k++) {
            const stapes_normal filtered = filtered_power(p, state->power_q40[k], gain2_q30[k]);
            features_q20[k] = magnitude_q20(filtered, p->window_power_log2);
        }
    } else {
        logarithmic(p, state, gain2_q30, features_q20);
    }
    if (p->gain_input) {
        for (int32_t k = 0; k < p->bins; k++) {
            features_q20[p->bins + k] = state->gain_q15[k] << 5;
        }
    }
}
