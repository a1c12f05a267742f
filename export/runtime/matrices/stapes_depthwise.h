#ifndef STAPES_DEPTHWISE_H
#define STAPES_DEPTHWISE_H

/* Two channels of a depthwise convolution: what DEPTHWISE_CONV_2D over the frames of a stream is made of. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words of a pair of channels; export/c/depthwise.py packs them. */
#define STAPES_PAIR_WORDS 13

/* y[positions][2] of x[3][positions + 2][2] with 3 x 3 taps, rounded and saturated; there are zeros beside both ends of
 * x. Values of a position lie `step` behind those of the one before, in x and in y; the second and third row of x begin
 * `row_1` and `row_2` values behind the first. At least one position.
 */
void stapes_depthwise_pair(const int32_t *taps, const int16_t *x, int32_t row_1, int32_t row_2, int16_t *y,
                           int32_t step, int32_t positions);

#ifdef __cplusplus
}
#endif

#endif
