#include "stapes_arithmetic.h"
#include "stapes_nn.h"
#include "stapes_window.h"

/* Channels whose sums are kept in registers at once. */
#define TOGETHER 4

static int32_t minimum(int32_t a, int32_t b) { return a < b ? a : b; }

/* The sums of `count` channels from `channel` on, at one output position: the first tap of the kernel is at `origin`,
 * which may lie outside; `rows` and `columns` are the taps inside.
 */
static inline void sum_taps(const stapes_depthwise_conv_2d_params *p, const int16_t *x, int32_t origin,
                            stapes_taps rows, stapes_taps columns, int32_t channel, int32_t count, int32_t *sums)
{
    const int32_t channels = p->channels;
    const int32_t column_step = p->dilation_width * channels;
    const int32_t row_step = p->dilation_height * p->input_width * channels;
    for (int32_t i = rows.first; i < rows.last; i++) {
        const int8_t *w = p->weights + (i * p->kernel_width + columns.first) * channels + channel;
        const int16_t *seen = x + (origin + i * row_step + columns.first * column_step + channel);
        for (int32_t j = columns.first; j < columns.last; j++) {
            for (int32_t k = 0; k < count; k++) {
                sums[k] += (int32_t)w[k] * (int32_t)seen[k];
            }
            w += channels;
            seen += column_step;
        }
    }
}

static int16_t requantised(const stapes_depthwise_conv_2d_params *p, int32_t channel, int32_t sum)
{
    const int32_t scaled = stapes_requantise_64(sum, p->multiplier_q31[channel], p->shift[channel]);
    return (int16_t)stapes_clamp_offset(scaled, p->output_zero_point, p->activation_min, p->activation_max);
}

void stapes_depthwise_conv_2d_s16(const stapes_depthwise_conv_2d_params *p, const int16_t *x, int16_t *y)
{
    for (int32_t row = 0; row < p->output_height; row++) {
        const int32_t top = row * p->stride_height - p->padding_top;
        const stapes_taps rows = stapes_taps_inside(top, p->input_height, p->kernel_height, p->dilation_height);
        for (int32_t column = 0; column < p->output_width; column++) {
            const int32_t left = column * p->stride_width - p->padding_left;
            const stapes_taps columns = stapes_taps_inside(left, p->input_width, p->kernel_width, p->dilation_width);
            const int32_t origin = (top * p->input_width + left) * p->channels;
            for (int32_t channel = 0; channel < p->channels; channel += TOGETHER) {
                int32_t sums[TOGETHER] = {0, 0, 0, 0};
                const int32_t count = minimum(TOGETHER, p->channels - channel);
                /* The same call twice: with a constant count the compiler keeps the sums in registers. */
                if (count == TOGETHER) {
                    sum_taps(p, x, origin, rows, columns, channel, TOGETHER, sums);
                } else {
                    sum_taps(p, x, origin, rows, columns, channel, count, sums);
                }
                for (int32_t k = 0; k < count; k++) {
                    y[channel + k] = requantised(p, channel + k, p->bias[channel + k] + sums[k]);
                }
            }
            y += p->channels;
        }
    }
}
