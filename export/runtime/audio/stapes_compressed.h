#ifndef STAPES_COMPRESSED_H
#define STAPES_COMPRESSED_H

/* Stage `compressed`: a power law of the power over its level as features.
 */

#include <stdbool.h>
#include <stdint.h>

#include "stapes_level.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/compressed.py. */
typedef struct {
    const stapes_level_params *level;
    int32_t compression_q31;
    int32_t clip_q20;
} stapes_compressed_params;

typedef stapes_level_state stapes_compressed_state;

void stapes_compressed_reset(const stapes_compressed_params *p, stapes_compressed_state *state);

/* power_q40[F], gain2_q30[F] or null for a gain of one, whether the frame is silent -> features_q20[F], or [2 * F] with
 * gain_q15[F] behind it where that is not null.
 */
void stapes_compressed(const stapes_compressed_params *p, stapes_compressed_state *state, const uint64_t *power_q40,
                       const int32_t *gain2_q30, const uint16_t *gain_q15, bool silent, int32_t *features_q20);

#ifdef __cplusplus
}
#endif

#endif
