#include "stapes_cortex_m7.h"
#include "stapes_intrinsics.h"
#include "stapes_windows.h"

#if STAPES_CORTEX_M7

STAPES_NAKED void stapes_window_rows(STAPES_UNUSED const int32_t *words, STAPES_UNUSED const int16_t *x,
                                     STAPES_UNUSED int32_t turns, STAPES_UNUSED int32_t blocks, STAPES_UNUSED int16_t *y,
                                     STAPES_UNUSED int32_t step, STAPES_UNUSED int32_t output_step,
                                     STAPES_UNUSED int32_t positions)
{
    __asm__ volatile(STAPES_WINDOW_ROWS_ASSEMBLY);
}

#else

/* Four outputs of one window; returns the words of the next four. */
static const int32_t *one_block(const int32_t *words, const int16_t *x, int32_t turns, int16_t *y)
{
    int32_t sum_0 = words[0], sum_1 = words[1], sum_2 = words[2], sum_3 = words[3];
    words += 4;
    for (int32_t i = 0; i < 8 * turns; i += 2) {
        const int32_t x_0 = x[i], x_1 = x[i + 1];
        sum_0 += stapes_low_half(words[0]) * x_0 + stapes_high_half(words[0]) * x_1;
        sum_1 += stapes_low_half(words[1]) * x_0 + stapes_high_half(words[1]) * x_1;
        sum_2 += stapes_low_half(words[2]) * x_0 + stapes_high_half(words[2]) * x_1;
        sum_3 += stapes_low_half(words[3]) * x_0 + stapes_high_half(words[3]) * x_1;
        words += 4;
    }
    y[0] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_0, words[0]));
    y[1] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_1, words[1]));
    y[2] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_2, words[2]));
    y[3] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_3, words[3]));
    return words + 4;
}

void stapes_window_rows(const int32_t *words, const int16_t *x, int32_t turns, int32_t blocks, int16_t *y, int32_t step,
                        int32_t output_step, int32_t positions)
{
    for (int32_t position = 0; position < positions; position++) {
        const int32_t *next = words;
        for (int32_t block = 0; block < blocks; block++) {
            next = one_block(next, x, turns, y + 4 * block);
        }
        x += step;
        y += output_step;
    }
}

#endif
