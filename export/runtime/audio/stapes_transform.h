#ifndef STAPES_TRANSFORM_H
#define STAPES_TRANSFORM_H

/* Stage `transform`: a hop of samples to the spectrum of the frame that it ends.
 */

#include <stdint.h>

#include "stapes_rfft_q31.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/transform.py. */
typedef struct {
    int32_t analysis; /* N, samples of a frame */
    int32_t hop;
    int32_t bins;     /* F = N / 2 + 1 */
    const int32_t *window_q31; /* [N] */
    const stapes_rfft_tables *rfft;
} stapes_transform_params;

typedef struct {
    int16_t *history_q15; /* [N - hop] oldest first */
    int32_t exponent;     /* last frame: left shift of its samples before the transform */
} stapes_transform_state;

void stapes_transform_reset(const stapes_transform_params *p, stapes_transform_state *state);

/* block_q15[hop], the next samples -> spectrum_q31[F][2] and the exponent. windowed_q30[N] and transform_q31[2 * N] are
 * used within the call only.
 */
void stapes_transform(const stapes_transform_params *p, stapes_transform_state *state, const int16_t *block_q15,
                      int32_t *windowed_q30, int32_t *transform_q31, int32_t *spectrum_q31);

#ifdef __cplusplus
}
#endif

#endif
