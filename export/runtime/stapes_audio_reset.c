#include <string.h>

#include "stapes_audio.h"

void stapes_audio_reset(const stapes_audio_params *p, stapes_audio_state *state)
{
    const size_t bins = (size_t)p->bins;
    (void)memset(state->history_q15, 0, ((size_t)p->analysis - (size_t)p->hop) * sizeof(int16_t));
    (void)memset(state->overlap_q25, 0, (size_t)p->hop * sizeof(int32_t));
    (void)memset(state->spectrum_q31, 0, 2u * bins * sizeof(int32_t));
    if (p->features != STAPES_FEATURES_COMPLEX) {
        (void)memset(state->noise_q40, 0, bins * sizeof(uint64_t));
        for (size_t k = 0; k < bins; k++) {
            state->prior_q24[k] = 1 << 24; /* what the rule takes in its first frame */
            state->gain_q15[k] = p->startup_gain_q15;
        }
    }
    state->signal_q40 = 0;
    state->startup_left = p->startup_frames;
    state->speech_run = 0;
    state->level_q24 = p->log2_floor_q16 * 256;
    state->has_level = false;
    state->exponent = 0;
    state->score_q24 = 0;
    state->clarity_q15 = 0;
    state->silent = false;
    state->speech = false;
}
