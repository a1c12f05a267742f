#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_matrices.h"
#include "stapes_taps.h"

static int8_t requantised(const stapes_depthwise_conv_2d_params *p, int32_t channel, int32_t sum)
{
    const int32_t scaled = stapes_requantise_double(sum, p->multiplier[channel], p->shift[channel]);
    return (int8_t)stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
}

/* Four channels from `channel` on: their sums stay in registers. */
static void four_channels(const stapes_depthwise_conv_2d_params *p, const stapes_window *at, int32_t channel,
                          const int8_t *x, int8_t *y)
{
    const int32_t column_step = p->dilation_width * p->channels;
    const int32_t row_step = p->dilation_height * p->input_width * p->channels;
    int32_t sum_0 = p->bias[channel], sum_1 = p->bias[channel + 1];
    int32_t sum_2 = p->bias[channel + 2], sum_3 = p->bias[channel + 3];
    const int32_t zero_point = p->input_zero_point;
    for (int32_t i = at->rows.first; i < at->rows.last; i++) {
        const int16_t *w = p->weights + ((i * p->kernel_width + at->columns.first) * p->channels + channel);
        const int8_t *seen = x + (at->origin + i * row_step + at->columns.first * column_step + channel);
        for (int32_t j = at->columns.first; j < at->columns.last; j++) {
            sum_0 += w[0] * (seen[0] - zero_point);
            sum_1 += w[1] * (seen[1] - zero_point);
            sum_2 += w[2] * (seen[2] - zero_point);
            sum_3 += w[3] * (seen[3] - zero_point);
            w += p->channels;
            seen += column_step;
        }
    }
    y[channel] = requantised(p, channel, sum_0);
    y[channel + 1] = requantised(p, channel + 1, sum_1);
    y[channel + 2] = requantised(p, channel + 2, sum_2);
    y[channel + 3] = requantised(p, channel + 3, sum_3);
}

static void one_channel(const stapes_depthwise_conv_2d_params *p, const stapes_window *at, int32_t channel,
                        const int8_t *x, int8_t *y)
{
    const int32_t column_step = p->dilation_width * p->channels;
    const int32_t row_step = p->dilation_height * p->input_width * p->channels;
    int32_t sum = p->bias[channel];
    const int32_t zero_point = p->input_zero_point;
    for (int32_t i = at->rows.first; i < at->rows.last; i++) {
        const int16_t *w = p->weights + ((i * p->kernel_width + at->columns.first) * p->channels + channel);
        const int8_t *seen = x + (at->origin + i * row_step + at->columns.first * column_step + channel);
        for (int32_t j = at->columns.first; j < at->columns.last; j++) {
            sum += *w * (*seen - zero_point);
            w += p->channels;
            seen += column_step;
        }
    }
    y[channel] = requantised(p, channel, sum);
}

void stapes_depthwise_conv_2d_s8(const stapes_depthwise_conv_2d_params *p, const int8_t *x, int8_t *y)
{
    stapes_window at;
    for (int32_t row = 0; row < p->output_height; row++) {
        const int32_t top = row * p->stride_height - p->padding_top;
        at.rows = stapes_taps_inside(top, p->input_height, p->kernel_height, p->dilation_height);
        for (int32_t column = 0; column < p->output_width; column++) {
            const int32_t left = column * p->stride_width - p->padding_left;
            int32_t channel = 0;
            at.columns = stapes_taps_inside(left, p->input_width, p->kernel_width, p->dilation_width);
            at.origin = (top * p->input_width + left) * p->channels;
            for (; channel + 4 <= p->channels; channel += 4) {
                four_channels(p, &at, channel, x, y);
            }
            for (; channel < p->channels; channel++) {
                one_channel(p, &at, channel, x, y);
            }
            y += p->channels;
        }
    }
}
