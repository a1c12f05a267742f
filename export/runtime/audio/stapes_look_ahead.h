#ifndef STAPES_LOOK_AHEAD_H
#define STAPES_LOOK_AHEAD_H

/* Stage `look_ahead`: the spectrum of some frames ago for the stages behind it, and the frames around it as taps.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/look_ahead.py. */
typedef struct {
    int32_t bins;     /* F */
    int32_t frames;   /* A, those after the frame that is given */
    int32_t past;     /* P, those before it */
    int32_t tap_bins; /* K */
} stapes_look_ahead_params;

/* Two rings: of A whole frames, and of the first bins of P frames that are older; a slot is the oldest of its ring. */
typedef struct {
    int32_t *ahead_q31; /* [A][F][2] */
    int32_t *past_q31;  /* [P][K][2] */
    int32_t *exponents; /* [A + P] of each slot, in this order */
    int32_t ahead_slot;
    int32_t past_slot;
    int32_t exponent; /* of all that is given */
} stapes_look_ahead_state;

void stapes_look_ahead_reset(const stapes_look_ahead_params *p, stapes_look_ahead_state *state);

/* spectrum_q31[F][2] of this frame and its exponent -> spectrum_q31 of A frames ago in its place, and where K is not 0
 * taps_q31[P + 1 + A][K][2], the known frames, oldest first. All have the exponent of the state then.
 */
void stapes_look_ahead(const stapes_look_ahead_params *p, stapes_look_ahead_state *state, int32_t exponent,
                       int32_t *spectrum_q31, int32_t *taps_q31);

#ifdef __cplusplus
}
#endif

#endif
