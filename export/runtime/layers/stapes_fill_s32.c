#include "stapes_layers.h"

void stapes_fill_s32(int32_t value, int32_t size, int32_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = value;
    }
}
