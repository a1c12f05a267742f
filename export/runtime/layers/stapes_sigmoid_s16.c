#include "stapes_elementwise.h"

void stapes_sigmoid_s16(const stapes_sigmoid_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    if (p->tanh) {
        for (int32_t i = 0; i < size; i++) {
            y[i] = (int16_t)stapes_tanh(p, x[i]);
        }
    } else {
        for (int32_t i = 0; i < size; i++) {
            y[i] = (int16_t)stapes_logistic(p, x[i]);
        }
    }
}
