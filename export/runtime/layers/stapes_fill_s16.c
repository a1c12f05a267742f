#include "stapes_layers.h"

void stapes_fill_s16(int16_t value, int32_t size, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = value;
    }
}
