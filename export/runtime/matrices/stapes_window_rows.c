#include "../arithmetic/stapes_intrinsics.h"
#include "../stapes_config.h"
#include "../stapes_core.h"
#include "stapes_windows.h"

#if STAPES_CORTEX_M7

#include "../cortex_m7/stapes_cortex_m7_windows.h"

STAPES_NAKED void stapes_window_rows(STAPES_UNUSED const int32_t *words, STAPES_UNUSED const int16_t *x,
                                     STAPES_UNUSED int32_t turns, STAPES_UNUSED int32_t blocks,
                                     STAPES_UNUSED int16_t *y, STAPES_UNUSED int32_t step,
                                     STAPES_UNUSED int32_t output_step, STAPES_UNUSED int32_t positions)
{
    __asm__ volatile(STAPES_WINDOW_ROWS_ASSEMBLY);
}

#else

/* Two values in a word, the first one in its lower half. */
static inline int32_t pair_of(const int16_t *x)
{
    return (int32_t)((uint32_t)(uint16_t)x[0] | ((uint32_t)(uint16_t)x[1] << 16));
}

/* Four outputs of every window; their words end at `multipliers`. */
STAPES_HOT
static void one_block(const int32_t *words, const int32_t *multipliers, const int16_t *x, int16_t *y, int32_t step,
                      int32_t output_step, int32_t positions)
{
    for (int32_t position = positions; position > 0; position--) {
        int32_t sum_0 = words[0], sum_1 = words[1], sum_2 = words[2], sum_3 = words[3];
        const int32_t *w = words + 4;
        const int16_t *value = x;
        do {
            const int32_t x_01 = pair_of(value), x_23 = pair_of(value + 2);
            const int32_t x_45 = pair_of(value + 4), x_67 = pair_of(value + 6);
            sum_0 += stapes_low_half(w[0]) * stapes_low_half(x_01);
            sum_1 += stapes_low_half(w[1]) * stapes_low_half(x_01);
            sum_2 += stapes_low_half(w[2]) * stapes_low_half(x_01);
            sum_3 += stapes_low_half(w[3]) * stapes_low_half(x_01);
            sum_0 += stapes_high_half(w[0]) * stapes_high_half(x_01);
            sum_1 += stapes_high_half(w[1]) * stapes_high_half(x_01);
            sum_2 += stapes_high_half(w[2]) * stapes_high_half(x_01);
            sum_3 += stapes_high_half(w[3]) * stapes_high_half(x_01);
            sum_0 += stapes_low_half(w[4]) * stapes_low_half(x_23);
            sum_1 += stapes_low_half(w[5]) * stapes_low_half(x_23);
            sum_2 += stapes_low_half(w[6]) * stapes_low_half(x_23);
            sum_3 += stapes_low_half(w[7]) * stapes_low_half(x_23);
            sum_0 += stapes_high_half(w[4]) * stapes_high_half(x_23);
            sum_1 += stapes_high_half(w[5]) * stapes_high_half(x_23);
            sum_2 += stapes_high_half(w[6]) * stapes_high_half(x_23);
            sum_3 += stapes_high_half(w[7]) * stapes_high_half(x_23);
            sum_0 += stapes_low_half(w[8]) * stapes_low_half(x_45);
            sum_1 += stapes_low_half(w[9]) * stapes_low_half(x_45);
            sum_2 += stapes_low_half(w[10]) * stapes_low_half(x_45);
            sum_3 += stapes_low_half(w[11]) * stapes_low_half(x_45);
            sum_0 += stapes_high_half(w[8]) * stapes_high_half(x_45);
            sum_1 += stapes_high_half(w[9]) * stapes_high_half(x_45);
            sum_2 += stapes_high_half(w[10]) * stapes_high_half(x_45);
            sum_3 += stapes_high_half(w[11]) * stapes_high_half(x_45);
            sum_0 += stapes_low_half(w[12]) * stapes_low_half(x_67);
            sum_1 += stapes_low_half(w[13]) * stapes_low_half(x_67);
            sum_2 += stapes_low_half(w[14]) * stapes_low_half(x_67);
            sum_3 += stapes_low_half(w[15]) * stapes_low_half(x_67);
            sum_0 += stapes_high_half(w[12]) * stapes_high_half(x_67);
            sum_1 += stapes_high_half(w[13]) * stapes_high_half(x_67);
            sum_2 += stapes_high_half(w[14]) * stapes_high_half(x_67);
            sum_3 += stapes_high_half(w[15]) * stapes_high_half(x_67);
            value += 8;
            w += 16;
        } while (w != multipliers);
        y[0] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_0, w[0]));
        y[1] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_1, w[1]));
        y[2] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_2, w[2]));
        y[3] = (int16_t)stapes_saturate_s16(stapes_high_product(sum_3, w[3]));
        x += step;
        y += output_step;
    }
}

STAPES_HOT
void stapes_window_rows(const int32_t *words, const int16_t *x, int32_t turns, int32_t blocks, int16_t *y, int32_t step,
                        int32_t output_step, int32_t positions)
{
    const int32_t weights = 16 * turns;
    for (int32_t block = 0; block < blocks; block++) {
        const int32_t *const multipliers = words + 4 + weights;
        one_block(words, multipliers, x, y, step, output_step, positions);
        words = multipliers + 4;
        y += 4;
    }
}

#endif
