#ifndef STAPES_AUDIO_WIDE_H
#define STAPES_AUDIO_WIDE_H

/* From an output of the network to a quantity of 32 bits, such as coefs_q28: finer than a mask, or beyond one.
 */

#include <stdint.h>

#include "stapes_audio.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x[size], an output of the network -> y[size], what a stage behind the network reads. */
void stapes_audio_wide_s8(const stapes_audio_tensor *tensor, int32_t size, const int8_t *x, int32_t *y);
void stapes_audio_wide_s16(const stapes_audio_tensor *tensor, int32_t size, const int16_t *x, int32_t *y);

#ifdef __cplusplus
}
#endif

#endif
