#include "stapes_attenuation_limit.h"

#include "stapes_audio_scalar.h"

void stapes_attenuation_limit(const stapes_attenuation_limit_params *p, const int32_t *spectrum_q31, int32_t *filtered)
{
    for (int32_t n = 0; n < 2 * p->bins; n++) {
        const int32_t noisy = stapes_shift_left(spectrum_q31[n], p->filtered_shift);
        const int64_t mixed = (int64_t)filtered[n] * p->filtered_q31 + (int64_t)noisy * p->noisy_q31;
        filtered[n] = (int32_t)((mixed + ((int64_t)1 << 30)) >> 31);
    }
}
