#include "stapes_audio_wide.h"

#include "../arithmetic/stapes_arithmetic.h"
#include "../arithmetic/stapes_intrinsics.h"

/* A value of 16 bits less its zero point times 2^(shift + 1) stays within 32 bits up to this shift. */
#define QUICK_SHIFT 14

static int32_t in_32_bits(const stapes_audio_tensor *tensor, int32_t x)
{
    const int32_t scaled = stapes_requantise_double(x - tensor->zero_point, tensor->multiplier_q31, tensor->shift);
    return stapes_clamp(scaled, tensor->minimum, tensor->maximum);
}

void stapes_audio_wide_s8(const stapes_audio_tensor *tensor, int32_t size, const int8_t *x, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = in_32_bits(tensor, x[i]);
    }
}

/* Without a shift to the right the value is the upper half of one product, as twice x may be multiplied. */
void stapes_audio_wide_s16(const stapes_audio_tensor *tensor, int32_t size, const int16_t *x, int32_t *y)
{
    const stapes_audio_tensor fixed = *tensor; /* in registers: y cannot lie in a copy */
    if (fixed.shift >= 0 && fixed.shift <= QUICK_SHIFT) {
        for (int32_t i = 0; i < size; i++) {
            const int32_t twice = stapes_shift_left(x[i] - fixed.zero_point, fixed.shift + 1);
            y[i] = stapes_clamp(stapes_high_product(twice, fixed.multiplier_q31), fixed.minimum, fixed.maximum);
        }
    } else {
        for (int32_t i = 0; i < size; i++) {
            y[i] = in_32_bits(&fixed, x[i]);
        }
    }
}
