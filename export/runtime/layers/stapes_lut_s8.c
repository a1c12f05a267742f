#include "stapes_elementwise.h"

void stapes_lut_s8(const stapes_lut_params *p, int32_t size, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = stapes_lut(p, x[i]);
    }
}
