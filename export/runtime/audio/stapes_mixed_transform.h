#ifndef STAPES_MIXED_TRANSFORM_H
#define STAPES_MIXED_TRANSFORM_H

/* Stage `transform` with the transform of mixed radix: a hop of samples to the spectrum of the frame that it ends.
 */

#include "stapes_mixed_rfft_q31.h"
#include "stapes_transform.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/transform.py. */
typedef struct {
    int32_t analysis; /* N, samples of a frame */
    int32_t hop;
    int32_t bins;     /* F = N / 2 + 1 */
    const int32_t *window_q31; /* [N] a quarter of it */
    const stapes_mixed_rfft_tables *rfft;
} stapes_mixed_transform_params;

void stapes_mixed_transform_reset(const stapes_mixed_transform_params *p, stapes_transform_state *state);

/* As stapes_transform; windowed_q28 is its windowed_q30 with two bits of fraction less. */
void stapes_mixed_transform(const stapes_mixed_transform_params *p, stapes_transform_state *state,
                            const int16_t *block_q15, int32_t *windowed_q28, int32_t *transform_q31,
                            int32_t *spectrum_q31);

#ifdef __cplusplus
}
#endif

#endif
