#ifndef STAPES_INVERSE_H
#define STAPES_INVERSE_H

/* Stage `inverse`: the filtered spectrum back to a hop of samples, by overlap-add.
 */

#include <stdint.h>

#include "stapes_rfft_q31.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/inverse.py. */
typedef struct {
    int32_t analysis;  /* N, samples of a frame */
    int32_t synthesis; /* samples of the synthesis window */
    int32_t hop;       /* synthesis / 2 */
    int32_t shift;
    const int32_t *window_q31; /* [synthesis] */
    const stapes_rfft_tables *rfft;
} stapes_inverse_params;

typedef struct {
    int32_t *overlap_q25; /* [hop] */
} stapes_inverse_state;

void stapes_inverse_reset(const stapes_inverse_params *p, stapes_inverse_state *state);

/* filtered[F][2], twice the spectrum that shall sound, which is destroyed -> output_q15[hop]. time_q31[N] is used within the
 * call only.
 */
void stapes_inverse(const stapes_inverse_params *p, stapes_inverse_state *state, int32_t *filtered, int32_t exponent,
                    int32_t *time_q31, int16_t *output_q15);

#ifdef __cplusplus
}
#endif

#endif
