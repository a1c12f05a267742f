#include "stapes_complex.h"

#include "stapes_audio_scalar.h"

void stapes_complex(const stapes_complex_params *p, const int32_t *spectrum_q31, int32_t exponent,
                    int32_t *features_q20)
{
    const int32_t wanted = p->shift + exponent;
    const int32_t shift = wanted > 0 ? wanted : 0;
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t real = spectrum_q31[2 * k];
        const int32_t imag = spectrum_q31[2 * k + 1];
        const uint32_t magnitude = stapes_isqrt_64((uint64_t)((int64_t)real * real + (int64_t)imag * imag));
        features_q20[k] = stapes_round_right((int32_t)magnitude, shift);
        features_q20[p->bins + k] = stapes_round_right(real, shift);
        features_q20[2 * p->bins + k] = stapes_round_right(imag, shift);
    }
    /* The loudest frames of the longest transforms. */
    for (int32_t i = 0; wanted < 0 && i < 3 * p->bins; i++) {
        features_q20[i] = stapes_shift_left(features_q20[i], -wanted);
    }
}
