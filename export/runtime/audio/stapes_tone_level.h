#ifndef STAPES_TONE_LEVEL_H
#define STAPES_TONE_LEVEL_H

/* Stage `tone_level`: the colour of the sound so far as features.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/tone_level.py. */
typedef struct {
    int32_t bands; /* K */
    int32_t memory;
    int32_t share_q30;
    int32_t heard_q15;
    const uint16_t *edges;         /* [K + 1] */
    const int32_t *width_log2_q16; /* [K] */
} stapes_tone_level_params;

typedef struct {
    uint64_t *tone_mean_q48; /* [K] slow mean of the power of the band */
    int32_t frames;          /* with sound, up to 2^memory */
} stapes_tone_level_state;

void stapes_tone_level_reset(const stapes_tone_level_params *p, stapes_tone_level_state *state);

/* power_q40[F] -> tone_q20[K + 1]. */
void stapes_tone_level(const stapes_tone_level_params *p, stapes_tone_level_state *state, const uint64_t *power_q40,
                       int32_t *tone_q20);

#ifdef __cplusplus
}
#endif

#endif
