#include "stapes_audio.h"

void stapes_audio_analyse(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *block_q15,
                          int32_t *features_q20)
{
    int32_t *gain2_q30 = state->transform_q31;
    stapes_audio_spectrum(p, state, block_q15);
    stapes_audio_power(p, state);
    stapes_audio_wiener(p, state, gain2_q30);
    if (features_q20 != NULL) {
        stapes_audio_features(p, state, gain2_q30, features_q20);
    }
}
