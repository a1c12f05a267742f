#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_audio.h"

static int32_t quantise(const stapes_audio_tensor *tensor, int32_t feature_q20)
{
    const int32_t scaled = stapes_requantise_double(feature_q20, tensor->multiplier_q31, tensor->shift);
    return stapes_clamp_offset(scaled, tensor->zero_point, tensor->minimum, tensor->maximum);
}

static int16_t mask_value(const stapes_audio_tensor *tensor, int32_t x)
{
    const int32_t scaled = stapes_requantise_double(x - tensor->zero_point, tensor->multiplier_q31, tensor->shift);
    return (int16_t)stapes_clamp(scaled, tensor->minimum, tensor->maximum);
}

/* Whether values are those of the mask as they are. */
static bool is_q15(const stapes_audio_tensor *tensor)
{
    return tensor->multiplier_q31 == 1 << 30 && tensor->shift == 1 && tensor->zero_point == 0;
}

void stapes_audio_quantise_s8(const stapes_audio_tensor *tensor, int32_t size, const int32_t *features_q20, int8_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = (int8_t)quantise(tensor, features_q20[i]);
    }
}

void stapes_audio_quantise_s16(const stapes_audio_tensor *tensor, int32_t size, const int32_t *features_q20, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = (int16_t)quantise(tensor, features_q20[i]);
    }
}

void stapes_audio_mask_s8(const stapes_audio_tensor *tensor, int32_t size, const int8_t *x, int16_t *mask_q15)
{
    for (int32_t i = 0; i < size; i++) {
        mask_q15[i] = mask_value(tensor, x[i]);
    }
}

void stapes_audio_mask_s16(const stapes_audio_tensor *tensor, int32_t size, const int16_t *x, int16_t *mask_q15)
{
    if (is_q15(tensor)) {
        for (int32_t i = 0; i < size; i++) {
            mask_q15[i] = (int16_t)stapes_clamp(x[i], tensor->minimum, tensor->maximum);
        }
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        mask_q15[i] = mask_value(tensor, x[i]);
    }
}
