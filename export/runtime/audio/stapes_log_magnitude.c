#include "stapes_log_magnitude.h"

#include "stapes_level.h"

void stapes_log_magnitude(const stapes_log_magnitude_params *p, const int32_t *spectrum_q31, int32_t exponent,
                          int32_t *features_q20)
{
    const int32_t right = 2 * (p->shift + exponent);
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t real = spectrum_q31[2 * k];
        const int64_t imag = spectrum_q31[2 * k + 1];
        stapes_normal power = stapes_normalise((uint64_t)(real * real + imag * imag));
        int32_t power_q16;
        power.exponent -= right;
        power_q16 = stapes_floored_octaves_q16(power, p->floor_q16);
        features_q20[k] = stapes_multiply_high(power_q16 * 128, p->factor_q29);
    }
}
