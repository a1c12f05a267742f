#ifndef STAPES_FRAME_H
#define STAPES_FRAME_H

/* The frame that a hop of samples ends, windowed: what both transforms begin with.
 */

#include <stdint.h>
#include <string.h>

#include "stapes_audio_scalar.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every bit that differs from the sign in some sample. */
static inline uint32_t stapes_used_bits(const int16_t *samples_q15, int32_t size)
{
    uint32_t used = 0;
    for (int32_t n = 0; n < size; n++) {
        const int32_t sample = samples_q15[n];
        used |= (uint32_t)(sample ^ (sample >> 15));
    }
    return used;
}

/* The high half of a Q31 product is Q30: the bit of room keeps every stage of the transform from overflowing. */
static inline void stapes_window(const int16_t *samples_q15, const int32_t *window_q31, int32_t size, int32_t exponent,
                                 int32_t *windowed_q30)
{
    for (int32_t n = 0; n < size; n++) {
        const int32_t shifted = (int32_t)((uint32_t)(int32_t)samples_q15[n] << (16 + exponent));
        windowed_q30[n] = stapes_multiply_high(shifted, window_q31[n]);
    }
}

/* The history loses its oldest hop; a hop at a time, as memcpy does not know overlap. */
static inline void stapes_slide(int16_t *history_q15, int32_t size, const int16_t *block_q15, int32_t hop)
{
    for (int32_t n = 0; n < size - hop; n += hop) {
        (void)memcpy(&history_q15[n], &history_q15[n + hop], (size_t)hop * sizeof(int16_t));
    }
    (void)memcpy(&history_q15[size - hop], block_q15, (size_t)hop * sizeof(int16_t));
}

/* windowed_q30[analysis] of history_q15[analysis - hop], which moves on, and block_q15[hop]; the result is the exponent. */
static inline int32_t stapes_frame(int32_t analysis, int32_t hop, const int32_t *window_q31, int16_t *history_q15,
                                   const int16_t *block_q15, int32_t *windowed_q30)
{
    const int32_t past = analysis - hop;
    const uint32_t used = stapes_used_bits(history_q15, past) | stapes_used_bits(block_q15, hop);
    const int32_t exponent = used != 0u ? stapes_leading_zeros(used) - 17 : 15;

    stapes_window(history_q15, window_q31, past, exponent, windowed_q30);
    stapes_window(block_q15, window_q31 + past, hop, exponent, windowed_q30 + past);
    stapes_slide(history_q15, past, block_q15, hop);
    return exponent;
}

#ifdef __cplusplus
}
#endif

#endif
