#include "stapes_audio.h"

void stapes_audio_power(const stapes_audio_params *p, stapes_audio_state *state)
{
    const int32_t shift = p->power_shift + 2 * state->exponent;
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t real = state->spectrum_q31[2 * k];
        const int64_t imag = state->spectrum_q31[2 * k + 1];
        state->power_q40[k] = (uint64_t)(real * real + imag * imag) >> shift;
    }
}
