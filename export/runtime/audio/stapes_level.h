#ifndef STAPES_LEVEL_H
#define STAPES_LEVEL_H

/* The level of a power over the frames of a stream, and the power in octaves above it: what logarithmic features are made of.
 * The Python twin stands in firmware_sim/audio/level.py.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stapes_audio_scalar.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/level.py. */
typedef struct {
    int32_t count;
    int32_t floor_q16;
    uint32_t count_reciprocal_q32;
    int32_t shift;
} stapes_level_params;

typedef struct {
    int32_t level_q24;
    bool has_level;
} stapes_level_state;

static inline void stapes_level_begin(const stapes_level_params *p, stapes_level_state *state)
{
    state->level_q24 = p->floor_q16 * 256;
    state->has_level = false;
}

/* power * gain^2 = mantissa * 2^exponent of a value; gain2_q30 may be null, for a gain of one. */
static inline stapes_normal stapes_filtered_power(const uint64_t *power_q40, const int32_t *gain2_q30, int32_t k)
{
    stapes_normal power = stapes_normalise(power_q40[k]);
    stapes_normal filtered;
    if (gain2_q30 == NULL) {
        power.exponent -= 40;
        return power;
    }
    filtered = stapes_normalise((uint64_t)power.mantissa * (uint32_t)gain2_q30[k]);
    filtered.exponent += power.exponent - 70;
    return filtered;
}

static inline int32_t stapes_floored_octaves_q16(stapes_normal power, int32_t floor_q16)
{
    int32_t octaves;
    if (power.mantissa == 0u) {
        return floor_q16;
    }
    octaves = stapes_octaves_q16(power);
    return octaves > floor_q16 ? octaves : floor_q16;
}

/* The running mean of the octaves over the values of a frame, whose sum is given, and over the frames that are not silent. */
static inline void stapes_level_move(const stapes_level_params *p, stapes_level_state *state, int64_t sum_q16,
                                     bool silent)
{
    const int32_t mean_q24 = (int32_t)((sum_q16 * p->count_reciprocal_q32) >> 24);
    const int32_t difference = mean_q24 - state->level_q24;
    if (silent) {
        return;
    }
    if (state->has_level) {
        state->level_q24 += (difference + (1 << (p->shift - 1))) >> p->shift;
    } else {
        state->level_q24 = mean_q24;
    }
    state->has_level = true;
}

/* The gains behind the features, where they are asked for. */
static inline void stapes_append_gains(const uint16_t *gain_q15, int32_t size, int32_t *features_q20)
{
    if (gain_q15 != NULL) {
        for (int32_t k = 0; k < size; k++) {
            features_q20[size + k] = gain_q15[k] << 5;
        }
    }
}

#ifdef __cplusplus
}
#endif

#endif
