#include "stapes_layers.h"

void stapes_fill_s8(int8_t value, int32_t size, int8_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = value;
    }
}
