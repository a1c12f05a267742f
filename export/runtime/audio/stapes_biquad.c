#include "stapes_biquad.h"

void stapes_biquad(const int32_t *coefficients_q30, int32_t *past_q25, uint32_t *rest_q55, int32_t hop,
                   int32_t *sound_q25)
{
    stapes_biquad_pairs(coefficients_q30, past_q25, rest_q55, sound_q25, hop / 2);
    if (hop % 2 != 0) {
        sound_q25[hop - 1] = stapes_biquad_sample(coefficients_q30, past_q25, rest_q55, sound_q25[hop - 1]);
    }
}
