#include "stapes_transform.h"

#include <string.h>

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

void stapes_transform_reset(const stapes_transform_params *p, stapes_transform_state *state)
{
    (void)memset(state->history_q15, 0, ((size_t)p->analysis - (size_t)p->hop) * sizeof(int16_t));
    state->exponent = 0;
}

void stapes_transform(const stapes_transform_params *p, stapes_transform_state *state, const int16_t *block_q15,
                      int32_t *windowed_q30, int32_t *transform_q31, int32_t *spectrum_q31)
{
    const int32_t past = p->analysis - p->hop;
    const uint32_t used = used_bits(state->history_q15, past) | used_bits(block_q15, p->hop);
    const int32_t exponent = used != 0u ? stapes_leading_zeros(used) - 17 : 15;

    window(state->history_q15, p->window_q31, past, exponent, windowed_q30);
    window(block_q15, p->window_q31 + past, p->hop, exponent, windowed_q30 + past);
    slide(state->history_q15, past, block_q15, p->hop);
    stapes_rfft_q31(p->rfft, windowed_q30, transform_q31);

    (void)memcpy(spectrum_q31, transform_q31, 2u * (size_t)p->bins * sizeof(int32_t));
    state->exponent = exponent;
}
