#include "stapes_look_ahead.h"

#include <stddef.h>
#include <string.h>

#include "stapes_audio_scalar.h"

/* That of a silent frame, which nothing is aligned to. */
#define LARGEST_EXPONENT 15

static void align(const int32_t *frame_q31, int32_t size, int32_t right, int32_t *aligned_q31)
{
    for (int32_t n = 0; n < size; n++) {
        aligned_q31[n] = stapes_round_right(frame_q31[n], right);
    }
}

/* The new frame takes the place of the oldest one, which is given out. */
static void exchange(int32_t *slot_q31, int32_t size, int32_t right, int32_t *spectrum_q31)
{
    for (int32_t n = 0; n < size; n++) {
        const int32_t oldest = slot_q31[n];
        slot_q31[n] = spectrum_q31[n];
        spectrum_q31[n] = stapes_round_right(oldest, right);
    }
}

static int32_t next_slot(int32_t slot, int32_t slots)
{
    return slot + 1 < slots ? slot + 1 : 0;
}

static int32_t least_exponent(const stapes_look_ahead_params *p, const int32_t *exponents, int32_t exponent)
{
    int32_t least = exponent;
    for (int32_t n = 0; n < p->frames + p->past; n++) {
        least = exponents[n] < least ? exponents[n] : least;
    }
    return least;
}

/* The known frames, oldest first: those before the frame that is given, itself and those after it, the new one. */
static void gather(const stapes_look_ahead_params *p, const stapes_look_ahead_state *state, int32_t exponent,
                   const int32_t *spectrum_q31, int32_t *taps_q31)
{
    const int32_t size = 2 * p->tap_bins;
    int32_t *tap_q31 = taps_q31;
    int32_t slot = state->past_slot;
    for (int32_t n = 0; n < p->past; n++) {
        align(&state->past_q31[slot * size], size, state->exponents[p->frames + slot] - state->exponent, tap_q31);
        tap_q31 += size;
        slot = next_slot(slot, p->past);
    }
    slot = state->ahead_slot;
    for (int32_t n = 0; n < p->frames; n++) {
        align(&state->ahead_q31[slot * 2 * p->bins], size, state->exponents[slot] - state->exponent, tap_q31);
        tap_q31 += size;
        slot = next_slot(slot, p->frames);
    }
    align(spectrum_q31, size, exponent - state->exponent, tap_q31);
}

/* The first bins of the frame that is given now are past from the next frame on. */
static void keep(const stapes_look_ahead_params *p, stapes_look_ahead_state *state, const int32_t *frame_q31,
                 int32_t exponent)
{
    const int32_t size = 2 * p->tap_bins;
    if (p->past > 0) {
        (void)memcpy(&state->past_q31[state->past_slot * size], frame_q31, (size_t)size * sizeof(int32_t));
        state->exponents[p->frames + state->past_slot] = exponent;
        state->past_slot = next_slot(state->past_slot, p->past);
    }
}

void stapes_look_ahead_reset(const stapes_look_ahead_params *p, stapes_look_ahead_state *state)
{
    if (p->frames > 0) {
        (void)memset(state->ahead_q31, 0, (size_t)p->frames * 2u * (size_t)p->bins * sizeof(int32_t));
    }
    if (p->past > 0) {
        (void)memset(state->past_q31, 0, (size_t)p->past * 2u * (size_t)p->tap_bins * sizeof(int32_t));
    }
    for (int32_t n = 0; n < p->frames + p->past; n++) {
        state->exponents[n] = LARGEST_EXPONENT;
    }
    state->ahead_slot = 0;
    state->past_slot = 0;
    state->exponent = 0;
}

void stapes_look_ahead(const stapes_look_ahead_params *p, stapes_look_ahead_state *state, int32_t exponent,
                       int32_t *spectrum_q31, int32_t *taps_q31)
{
    const int32_t slot = state->ahead_slot;
    const int32_t size = 2 * p->bins;
    int32_t *slot_q31;
    int32_t oldest;

    state->exponent = least_exponent(p, state->exponents, exponent);
    if (taps_q31 != NULL) {
        gather(p, state, exponent, spectrum_q31, taps_q31);
    }
    if (p->frames == 0) {
        keep(p, state, spectrum_q31, exponent);
        align(spectrum_q31, size, exponent - state->exponent, spectrum_q31);
        return;
    }
    slot_q31 = &state->ahead_q31[slot * size];
    oldest = state->exponents[slot];
    keep(p, state, slot_q31, oldest);
    exchange(slot_q31, size, oldest - state->exponent, spectrum_q31);
    state->exponents[slot] = exponent;
    state->ahead_slot = next_slot(slot, p->frames);
}
