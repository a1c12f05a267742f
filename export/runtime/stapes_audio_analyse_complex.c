#include "stapes_audio.h"
#include "stapes_audio_scalar.h"

void stapes_audio_analyse_complex(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *block_q15,
                                  int32_t *features_q20)
{
    int32_t shift;
    stapes_audio_spectrum(p, state, block_q15);
    shift = p->feature_shift + state->exponent;
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t real = state->spectrum_q31[2 * k];
        const int32_t imag = state->spectrum_q31[2 * k + 1];
        const uint32_t magnitude = stapes_isqrt_64((uint64_t)((int64_t)real * real + (int64_t)imag * imag));
        features_q20[k] = stapes_round_right((int32_t)magnitude, shift);
        features_q20[p->bins + k] = stapes_round_right(real, shift);
        features_q20[2 * p->bins + k] = stapes_round_right(imag, shift);
    }
}
