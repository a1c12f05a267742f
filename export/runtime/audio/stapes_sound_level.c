#include "stapes_sound_level.h"

#include "stapes_audio_scalar.h"
#include "stapes_running_mean.h"

/* The level after a frame with sound. */
static int32_t followed(const stapes_sound_level_params *p, const stapes_sound_level_state *state, int32_t frame_q24)
{
    const int32_t rate_q31 = frame_q24 > state->sound_q24 ? p->attack_q31 : p->release_q31;
    const int32_t moved_q24 = stapes_running_mean_move(state->sound_q24, frame_q24, rate_q31);
    const int32_t near_q24 = frame_q24 - p->near_q24;
    return moved_q24 > near_q24 ? moved_q24 : near_q24;
}

static void hear(const stapes_sound_level_params *p, stapes_sound_level_state *state, uint64_t power, int32_t exponent)
{
    const int32_t frame_q24 = (stapes_octaves_q16(stapes_normalise(power)) + p->offset_q16 - exponent * 131072) * 256;
    if (frame_q24 < p->silent_q24) {
        return;
    }
    if (state->has_sound) {
        state->sound_q24 = followed(p, state, frame_q24);
    } else {
        state->sound_q24 = frame_q24 + p->start_q24;
        state->has_sound = true;
        state->sound_begins = true;
    }
}

void stapes_sound_level_reset(const stapes_sound_level_params *p, stapes_sound_level_state *state)
{
    state->sound_q24 = p->usual_q24;
    state->loud_q16 = 0;
    state->has_sound = false;
    state->sound_begins = false;
}

void stapes_sound_level(const stapes_sound_level_params *p, stapes_sound_level_state *state,
                        const int32_t *spectrum_q31, int32_t exponent)
{
    uint64_t power = 0;
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t real = spectrum_q31[2 * k];
        const int64_t imag = spectrum_q31[2 * k + 1];
        power += (uint64_t)(real * real + imag * imag);
    }
    state->sound_begins = false;
    if (power != 0u) {
        hear(p, state, power, exponent);
    }
    state->loud_q16 = stapes_clamp((state->sound_q24 - p->usual_q24) >> 8, p->least_q16, p->most_q16);
}
