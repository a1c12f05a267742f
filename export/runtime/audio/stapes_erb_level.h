#ifndef STAPES_ERB_LEVEL_H
#define STAPES_ERB_LEVEL_H

/* Stage `erb_level`: the level of ERB bands over its running mean as features.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/erb_level.py. */
typedef struct {
    int32_t bands; /* K */
    bool level;
    uint32_t floor_q40;
    int32_t rate_q31;
    int32_t scale_q27;
    const uint16_t *edges;         /* [K + 1] */
    const int32_t *width_log2_q16; /* [K] */
    const int32_t *start_q24;      /* [K] */
} stapes_erb_level_params;

typedef struct {
    int32_t *erb_mean_q24; /* [K] running mean of the level in octaves */
} stapes_erb_level_state;

void stapes_erb_level_reset(const stapes_erb_level_params *p, stapes_erb_level_state *state);

/* power_q40[F]; of the sound's level, where `level` asks for it: octaves of power over the usual one, and whether there is sound for
 * the first time -> feat_erb_q20[K]. */
void stapes_erb_level(const stapes_erb_level_params *p, stapes_erb_level_state *state, const uint64_t *power_q40,
                      int32_t loud_q16, bool sound_begins, int32_t *feat_erb_q20);

#ifdef __cplusplus
}
#endif

#endif
