#include "stapes_elementwise.h"

void stapes_leaky_relu_s16(const stapes_leaky_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = (int16_t)stapes_leaky_relu(p, x[i]);
    }
}
