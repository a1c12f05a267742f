#include "../matrices/stapes_rows.h"
#include "../stapes_config.h"

/* Four biases and inner products with one vector, the int8 weights row by row: compilers make of that what a processor has. The
 * number of columns is even.
 */
STAPES_HOT
static void sum_rows(const int8_t *weights, int32_t columns, const int16_t *x, const int32_t *biases, int32_t *sums)
{
    const int8_t *const w_1 = weights + columns, *const w_2 = w_1 + columns, *const w_3 = w_2 + columns;
    int32_t row_0 = biases[0], row_1 = biases[1], row_2 = biases[2], row_3 = biases[3];
    for (int32_t i = 0; i < columns; i += 2) {
        const int32_t x_0 = x[i], x_1 = x[i + 1];
        row_0 += weights[i] * x_0;
        row_1 += w_1[i] * x_0;
        row_2 += w_2[i] * x_0;
        row_3 += w_3[i] * x_0;
        row_0 += weights[i + 1] * x_1;
        row_1 += w_1[i + 1] * x_1;
        row_2 += w_2[i + 1] * x_1;
        row_3 += w_3[i + 1] * x_1;
    }
    sums[0] = row_0;
    sums[1] = row_1;
    sums[2] = row_2;
    sums[3] = row_3;
}

STAPES_HOT
void stapes_block_sums(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int32_t words,
                       int32_t blocks, int32_t *sums)
{
    for (int32_t block = 0; block < blocks; block++) {
        sum_rows((const int8_t *)weights, 4 * groups, x, rows, sums);
        weights += 8 * groups;
        rows += words;
        sums += 4;
    }
}
