#include "stapes_elementwise.h"

void stapes_mul_s8(const stapes_mul_params *p, const stapes_broadcast *over, const int8_t *x_1, const int8_t *x_2,
                   int8_t *y)
{
    const int32_t *extent = over->extent;
    for (int32_t a = 0; a < extent[0]; a++) {
        for (int32_t b = 0; b < extent[1]; b++) {
            for (int32_t c = 0; c < extent[2]; c++) {
                const int8_t *row_1 = x_1 + a * over->step_1[0] + b * over->step_1[1] + c * over->step_1[2];
                const int8_t *row_2 = x_2 + a * over->step_2[0] + b * over->step_2[1] + c * over->step_2[2];
                for (int32_t d = 0; d < extent[3]; d++) {
                    *y++ = (int8_t)stapes_mul(p, *row_1, *row_2);
                    row_1 += over->step_1[3];
                    row_2 += over->step_2[3];
                }
            }
        }
    }
}
