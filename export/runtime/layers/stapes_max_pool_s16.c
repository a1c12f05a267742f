#include "stapes_layers.h"

/* The largest of a window of one channel, whose first value is x[0]. */
static int16_t largest(const stapes_max_pool_params *p, const int16_t *x)
{
    int16_t found = x[0];
    for (int32_t row = 0; row < p->kernel_height; row++) {
        const int16_t *value = x + row * p->input_width * p->channels;
        for (int32_t column = 0; column < p->kernel_width; column++) {
            found = *value > found ? *value : found;
            value += p->channels;
        }
    }
    return found;
}

void stapes_max_pool_s16(const stapes_max_pool_params *p, const int16_t *x, int16_t *y)
{
    for (int32_t row = 0; row < p->output_height; row++) {
        for (int32_t column = 0; column < p->output_width; column++) {
            const int16_t *first = x +
                                   (row * p->stride_height * p->input_width + column * p->stride_width) * p->channels;
            for (int32_t channel = 0; channel < p->channels; channel++) {
                *y++ = largest(p, first + channel);
            }
        }
    }
}
