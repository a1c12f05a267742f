#include "stapes_power.h"

void stapes_power(const stapes_power_params *p, const int32_t *spectrum_q31, int32_t exponent, uint64_t *power_q40)
{
    const int32_t shift = p->shift + 2 * exponent;
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t real = spectrum_q31[2 * k];
        const int64_t imag = spectrum_q31[2 * k + 1];
        power_q40[k] = (uint64_t)(real * real + imag * imag) >> shift;
    }
}
