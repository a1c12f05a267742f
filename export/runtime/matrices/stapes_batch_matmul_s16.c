#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_matrices.h"

void stapes_batch_matmul_s16(const stapes_batch_matmul_params *p, const int16_t *x_1, const int16_t *x_2, int16_t *y)
{
    for (int32_t matrix = 0; matrix < p->matrices; matrix++) {
        for (int32_t row = 0; row < p->rows; row++) {
            for (int32_t column = 0; column < p->columns; column++) {
                const int16_t *a = x_1 + row * p->depth;
                const int16_t *b = x_2 + column * p->depth;
                int64_t sum = 0;
                for (int32_t i = 0; i < p->depth; i++) {
                    sum += (int32_t)a[i] * (int32_t)b[i];
                }
                const int32_t scaled = stapes_requantise_64(sum, p->multiplier_q31, p->shift);
                *y++ = (int16_t)stapes_clamp(scaled, p->output_min, p->output_max);
            }
        }
        x_1 += p->rows * p->depth;
        x_2 += p->columns * p->depth;
    }
}
