#include "stapes_audio_wide.h"

#include "../arithmetic/stapes_arithmetic.h"

static int32_t value(const stapes_audio_tensor *tensor, int32_t x)
{
    const int32_t scaled = stapes_requantise_double(x - tensor->zero_point, tensor->multiplier_q31, tensor->shift);
    return stapes_clamp(scaled, tensor->minimum, tensor->maximum);
}

void stapes_audio_wide_s8(const stapes_audio_tensor *tensor, int32_t size, const int8_t *x, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = value(tensor, x[i]);
    }
}

void stapes_audio_wide_s16(const stapes_audio_tensor *tensor, int32_t size, const int16_t *x, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = value(tensor, x[i]);
    }
}
