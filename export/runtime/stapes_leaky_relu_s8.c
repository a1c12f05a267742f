#include "stapes_elementwise.h"

void stapes_leaky_relu_s8(const stapes_leaky_relu_params *p, int32_t size, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = (int8_t)stapes_leaky_relu(p, x[i]);
    }
}
