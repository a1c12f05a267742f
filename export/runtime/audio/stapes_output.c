#include "stapes_output.h"

#include "stapes_audio_scalar.h"

void stapes_output(const stapes_output_params *p, const int32_t *sound_q25, int16_t *output_q15)
{
    for (int32_t n = 0; n < p->hop; n++) {
        output_q15[n] = (int16_t)stapes_clamp(stapes_round_right(sound_q25[n], 10), INT16_MIN, INT16_MAX);
    }
}
