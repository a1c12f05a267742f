#ifndef STAPES_VOLUME_H
#define STAPES_VOLUME_H

/* Stage `volume`: a gain of the samples that glides.
 */

#include <stdint.h>

#include "stapes_glide.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/volume.py. */
typedef struct {
    int32_t hop;
    int32_t step_q30;
} stapes_volume_params;

/* The gain, in Q16. */
typedef stapes_glide_state stapes_volume_state;

typedef struct {
    int32_t gain_q16;
} stapes_volume_controls;

void stapes_volume_reset(const stapes_volume_params *p, stapes_volume_state *state);

/* output_q15[hop] -> output_q15 in its place, saturated. */
void stapes_volume(const stapes_volume_params *p, stapes_volume_state *state, const stapes_volume_controls *controls,
                   int16_t *output_q15);

#ifdef __cplusplus
}
#endif

#endif
