#include "../arithmetic/stapes_intrinsics.h"
#include "../stapes_config.h"
#include "../stapes_core.h"
#include "stapes_depthwise.h"

#if STAPES_CORTEX_M7

#include "../cortex_m7/stapes_cortex_m7_depthwise.h"

STAPES_NAKED void stapes_depthwise_pair(STAPES_UNUSED const int32_t *taps, STAPES_UNUSED const int16_t *x,
                                        STAPES_UNUSED int32_t row_1, STAPES_UNUSED int32_t row_2,
                                        STAPES_UNUSED int16_t *y, STAPES_UNUSED int32_t step,
                                        STAPES_UNUSED int32_t positions)
{
    __asm__ volatile(STAPES_DEPTHWISE_PAIR_ASSEMBLY);
}

#else

/* One channel: `half` is its place in the pair. */
STAPES_HOT
static int32_t weight(const int32_t *column, int32_t row, int32_t half)
{
    const int32_t word = row < 2 ? column[half] : column[2];
    const int32_t upper = row < 2 ? row : half;
    return upper != 0 ? stapes_high_half(word) : stapes_low_half(word);
}

STAPES_HOT
static void one_channel(const int32_t *taps, const int16_t *x, int32_t row_1, int32_t row_2, int16_t *y, int32_t step,
                        int32_t positions, int32_t half)
{
    const int32_t *const columns[3] = {taps + 10, taps + 5, taps};
    int32_t w[9];
    for (int32_t i = 0; i < 9; i++) {
        w[i] = weight(columns[i / 3], i % 3, half);
    }
    const int32_t bias = taps[8 + half];
    const int32_t multiplier = taps[3 + half];
    int32_t before = bias, now = bias;
    for (int32_t position = 0; position < positions; position++) {
        const int32_t x_0 = x[0], x_1 = x[row_1], x_2 = x[row_2];
        const int32_t whole = before + w[6] * x_0 + w[7] * x_1 + w[8] * x_2;
        if (position > 0) {
            y[-step] = (int16_t)stapes_saturate_s16(stapes_high_product(whole, multiplier));
        }
        before = now + w[3] * x_0 + w[4] * x_1 + w[5] * x_2;
        now = bias + w[0] * x_0 + w[1] * x_1 + w[2] * x_2;
        x += step;
        y += step;
    }
    y[-step] = (int16_t)stapes_saturate_s16(stapes_high_product(before, multiplier));
}

STAPES_HOT
void stapes_depthwise_pair(const int32_t *taps, const int16_t *x, int32_t row_1, int32_t row_2, int16_t *y,
                           int32_t step, int32_t positions)
{
    for (int32_t half = 0; half < 2; half++) {
        one_channel(taps, x + half, row_1, row_2, y + half, step, positions, half);
    }
}

#endif
