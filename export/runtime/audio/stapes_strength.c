#include "stapes_strength.h"

#include "stapes_audio_scalar.h"

void stapes_strength(const stapes_strength_params *p, const stapes_strength_controls *controls,
                     const int32_t *spectrum_q31, int32_t *filtered)
{
    const int32_t mix_q15 = controls->mix_q15;
    if (mix_q15 == 32768) {
        return;
    }
    for (int32_t n = 0; n < 2 * p->bins; n++) {
        const int32_t noisy = stapes_shift_left(spectrum_q31[n], p->filtered_shift);
        const int64_t share = ((int64_t)filtered[n] - noisy) * mix_q15;
        filtered[n] = (int32_t)(noisy + ((share + 16384) >> 15));
    }
}
