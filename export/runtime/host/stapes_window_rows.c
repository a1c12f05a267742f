#include <string.h>

#include "../arithmetic/stapes_intrinsics.h"
#include "../matrices/stapes_windows.h"
#include "../stapes_config.h"

/* The int16 weights of a block lie row by row in its words: compilers make vector instructions of plain inner products. */

#define COLUMNS 64 /* the most there are */

/* Four outputs of every window. */
static inline void one_block(const int16_t *weights, int32_t columns, const int32_t *biases, const int32_t *multipliers,
                             const int16_t *x, int16_t *y, int32_t step, int32_t output_step, int32_t positions)
{
    const int16_t *const w_1 = weights + columns, *const w_2 = w_1 + columns, *const w_3 = w_2 + columns;
    for (int32_t position = 0; position < positions; position++) {
        int32_t sum_0 = 0, sum_1 = 0, sum_2 = 0, sum_3 = 0;
        for (int32_t i = 0; i < columns; i++) {
            sum_0 += weights[i] * x[i];
            sum_1 += w_1[i] * x[i];
            sum_2 += w_2[i] * x[i];
            sum_3 += w_3[i] * x[i];
        }
        y[0] = (int16_t)stapes_saturate_s16(stapes_high_product(biases[0] + sum_0, multipliers[0]));
        y[1] = (int16_t)stapes_saturate_s16(stapes_high_product(biases[1] + sum_1, multipliers[1]));
        y[2] = (int16_t)stapes_saturate_s16(stapes_high_product(biases[2] + sum_2, multipliers[2]));
        y[3] = (int16_t)stapes_saturate_s16(stapes_high_product(biases[3] + sum_3, multipliers[3]));
        x += step;
        y += output_step;
    }
}

STAPES_HOT
void stapes_window_rows(const int32_t *words, const int16_t *x, int32_t turns, int32_t blocks, int16_t *y, int32_t step,
                        int32_t output_step, int32_t positions)
{
    const int32_t columns = 8 * turns;
    for (int32_t block = 0; block < blocks; block++) {
        const int32_t *const multipliers = words + 4 + 2 * columns;
        int16_t weights[4 * COLUMNS];
        (void)memcpy(weights, words + 4, 4u * (size_t)columns * sizeof *weights);
        if (columns == COLUMNS) { /* loops of a known length are faster */
            one_block(weights, COLUMNS, words, multipliers, x, y, step, output_step, positions);
        } else {
            one_block(weights, columns, words, multipliers, x, y, step, output_step, positions);
        }
        words = multipliers + 4;
        y += 4;
    }
}
