#include "stapes_arithmetic.h"
#include "stapes_nn.h"

void stapes_energy_s16(const stapes_energy_s16_params *p, const int16_t *x, int16_t *y)
{
    for (int32_t channel = 0; channel < p->channels; channel++) {
        const int16_t *value = x + channel;
        int64_t sum = 0;
        for (int32_t row = 0; row < p->rows; row++) {
            sum += (int32_t)*value * (int32_t)*value;
            value += p->channels;
        }
        const int32_t scaled = stapes_requantise_64(sum, p->multiplier_q31, p->shift);
        y[channel] = (int16_t)stapes_clamp(scaled, p->output_min, p->output_max);
    }
}
