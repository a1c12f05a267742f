#include <stdbool.h>
#include <string.h>

#include "stapes_arithmetic.h"
#include "stapes_dot.h"
#include "stapes_nn.h"

/* The input values under the kernel at one output position, for the channels from `first` on. */
static void gather_patch(const stapes_conv_2d_params *p, const int8_t *x, int32_t row, int32_t column, int32_t first,
                         int8_t *patch)
{
    for (int32_t i = 0; i < p->kernel_height; i++) {
        const int32_t y_in = row * p->stride_height - p->padding_top + i * p->dilation_height;
        for (int32_t j = 0; j < p->kernel_width; j++) {
            const int32_t x_in = column * p->stride_width - p->padding_left + j * p->dilation_width;
            const bool inside = y_in >= 0 && y_in < p->input_height && x_in >= 0 && x_in < p->input_width;
            if (inside) {
                const int8_t *source = x + (y_in * p->input_width + x_in) * p->input_channels + first;
                (void)memcpy(patch, source, (size_t)p->kernel_channels * sizeof *patch);
            } else {
                for (int32_t channel = 0; channel < p->kernel_channels; channel++) {
                    patch[channel] = (int8_t)p->input_zero_point;
                }
            }
            patch += p->kernel_channels;
        }
    }
}

/* All output channels of one group at one position. */
static void convolve_patch(const stapes_conv_2d_params *p, const int8_t *patch, int32_t first, int32_t last, int8_t *y)
{
    const int32_t size = p->kernel_height * p->kernel_width * p->kernel_channels;
    for (int32_t channel = first; channel < last; channel++) {
        const int32_t sum = p->bias[channel] + stapes_dot_s8_s8(p->weights + channel * size, patch, size);
        const int32_t scaled = stapes_requantise_double(sum, p->multiplier_q31[channel], p->shift[channel]);
        y[channel] = (int8_t)stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
    }
}

void stapes_conv_2d_s8(const stapes_conv_2d_params *p, const int8_t *x, int8_t *patch, int8_t *y)
{
    const int32_t groups = p->input_channels / p->kernel_channels;
    const int32_t group_outputs = p->output_channels / groups;
    for (int32_t row = 0; row < p->output_height; row++) {
        for (int32_t column = 0; column < p->output_width; column++) {
            for (int32_t group = 0; group < groups; group++) {
                gather_patch(p, x, row, column, group * p->kernel_channels, patch);
                convolve_patch(p, patch, group * group_outputs, (group + 1) * group_outputs, y);
            }
            y += p->output_channels;
        }
    }
}
