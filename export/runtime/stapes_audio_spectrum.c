#include <string.h>

#include "stapes_audio.h"
#include "stapes_audio_scalar.h"

/* Every bit that differs from the sign in some sample. */
static uint32_t used_bits(const int16_t *samples_q15, int32_t size)
{
    uint32_t used = 0;
    for (int32_t n = 0; n < size; n++) {
        const int32_t sample = samples_q15[n];
        used |= (uint32_t)(sample ^ (sample >> 15));
    }
    return used;
}

/* The high half of a Q31 product is Q30: the bit of room keeps every stage of the transform from overflowing. */
static void window(const int16_t *samples_q15, const int32_t *window_q31, int32_t size, int32_t exponent,
                   int32_t *windowed_q30)
{
    for (int32_t n = 0; n < size; n++) {
        const int32_t shifted = (int32_t)((uint32_t)(int32_t)samples_q15[n] << (16 + exponent));
        windowed_q30[n] = stapes_multiply_high(shifted, window_q31[n]);
    }
}

/* The history loses its oldest hop; a hop at a time, as memcpy does not know overlap. */
static void slide(int16_t *history_q15, int32_t size, const int16_t *block_q15, int32_t hop)
{
    for (int32_t n = 0; n < size - hop; n += hop) {
        (void)memcpy(&history_q15[n], &history_q15[n + hop], (size_t)hop * sizeof(int16_t));
    }
    (void)memcpy(&history_q15[size - hop], block_q15, (size_t)hop * sizeof(int16_t));
}

void stapes_audio_spectrum(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *block_q15)
{
    const int32_t past = p->analysis - p->hop;
    const uint32_t used = used_bits(state->history_q15, past) | used_bits(block_q15, p->hop);
    const int32_t exponent = used != 0u ? stapes_leading_zeros(used) - 17 : 15;

    window(state->history_q15, p->analysis_window_q31, past, exponent, state->windowed_q30);
    window(block_q15, p->analysis_window_q31 + past, p->hop, exponent, state->windowed_q30 + past);
    slide(state->history_q15, past, block_q15, p->hop);
    stapes_rfft_q31(p->rfft, state->windowed_q30, state->transform_q31);

    (void)memcpy(state->spectrum_q31, state->transform_q31, 2u * (size_t)p->bins * sizeof(int32_t));
    state->exponent = exponent;
}
