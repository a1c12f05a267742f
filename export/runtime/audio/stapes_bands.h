#ifndef STAPES_BANDS_H
#define STAPES_BANDS_H

/* Stage `bands`: the logarithm of the mean power of bands as wide as the ear's, over its level, as features.
 */

#include <stdbool.h>
#include <stdint.h>

#include "stapes_level.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/bands.py; the level's count is K, the number of bands. */
typedef struct {
    const stapes_level_params *level;
    int32_t range_shift;
    int32_t clip_q20;
    const uint16_t *edges;                 /* [K + 1] */
    const int32_t *width_log2_q16;         /* [K] */
    const int32_t *width_reciprocal_q31;   /* [K] */
} stapes_bands_params;

typedef stapes_level_state stapes_bands_state;

void stapes_bands_reset(const stapes_bands_params *p, stapes_bands_state *state);

/* power_q40[F], gain2_q30[F] or null for a gain of one, whether the frame is silent -> features_q20[K], or [2 * K] with the
 * mean gains of the bands behind them where gain_q15[F] is not null.
 */
void stapes_bands(const stapes_bands_params *p, stapes_bands_state *state, const uint64_t *power_q40,
                  const int32_t *gain2_q30, const uint16_t *gain_q15, bool silent, int32_t *features_q20);

#ifdef __cplusplus
}
#endif

#endif
