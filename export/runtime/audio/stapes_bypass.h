#ifndef STAPES_BYPASS_H
#define STAPES_BYPASS_H

/* Stage `bypass`: the microphone's own samples in place of the path's, with a cross-fade.
 */

#include <stdint.h>

#include "stapes_glide.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/bypass.py. */
typedef struct {
    int32_t hop;
    int32_t step_q30;
} stapes_bypass_params;

/* The share of the microphone's samples, in Q15. */
typedef stapes_glide_state stapes_bypass_state;

typedef struct {
    int32_t on; /* 0 or 1 */
} stapes_bypass_controls;

void stapes_bypass_reset(const stapes_bypass_params *p, stapes_bypass_state *state);

/* dry_q15[hop], output_q15[hop] -> output_q15 in its place. */
void stapes_bypass(const stapes_bypass_params *p, stapes_bypass_state *state, const stapes_bypass_controls *controls,
                   const int16_t *dry_q15, int16_t *output_q15);

#ifdef __cplusplus
}
#endif

#endif
