#include <string.h>

#include "../arithmetic/stapes_arithmetic.h"
#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_depthwise.h"
#include "stapes_matrices.h"
#include "stapes_taps.h"

static int16_t requantised(const stapes_depthwise_conv_2d_params *p, int32_t channel, int32_t sum)
{
    const int32_t multiplier = p->multiplier[channel];
    const int32_t scaled = p->rounding == STAPES_ONCE_HIGH ? stapes_high_product(sum, multiplier)
                                                           : stapes_requantise_64(sum, multiplier, p->shift[channel]);
    return (int16_t)stapes_clamp(scaled, p->activation_min, p->activation_max);
}

/* Two values, one behind the other. */
static inline int32_t pair(const int16_t *x)
{
    int32_t both;
    (void)memcpy((uint8_t *)&both, (const uint8_t *)x, sizeof both);
    return both;
}

/* Four channels from `channel` on: their sums stay in registers. */
static void four_channels(const stapes_depthwise_conv_2d_params *p, const stapes_window *at, int32_t channel,
                          const int16_t *x, int16_t *y)
{
    const int32_t column_step = p->dilation_width * p->channels;
    const int32_t row_step = p->dilation_height * p->input_width * p->channels;
    int32_t sum_0 = p->bias[channel], sum_1 = p->bias[channel + 1];
    int32_t sum_2 = p->bias[channel + 2], sum_3 = p->bias[channel + 3];
    for (int32_t i = at->rows.first; i < at->rows.last; i++) {
        const int16_t *w = p->weights + ((i * p->kernel_width + at->columns.first) * p->channels + channel);
        const int16_t *seen = x + (at->origin + i * row_step + at->columns.first * column_step + channel);
        for (int32_t j = at->columns.first; j < at->columns.last; j++) {
            const int32_t w_01 = pair(w), w_23 = pair(w + 2);
            const int32_t x_01 = pair(seen), x_23 = pair(seen + 2);
            sum_0 += stapes_low_half(w_01) * stapes_low_half(x_01);
            sum_1 += stapes_high_half(w_01) * stapes_high_half(x_01);
            sum_2 += stapes_low_half(w_23) * stapes_low_half(x_23);
            sum_3 += stapes_high_half(w_23) * stapes_high_half(x_23);
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
                        const int16_t *x, int16_t *y)
{
    const int32_t column_step = p->dilation_width * p->channels;
    const int32_t row_step = p->dilation_height * p->input_width * p->channels;
    int32_t sum = p->bias[channel];
    for (int32_t i = at->rows.first; i < at->rows.last; i++) {
        const int16_t *w = p->weights + ((i * p->kernel_width + at->columns.first) * p->channels + channel);
        const int16_t *seen = x + (at->origin + i * row_step + at->columns.first * column_step + channel);
        for (int32_t j = at->columns.first; j < at->columns.last; j++) {
            sum += (int32_t)*w * (int32_t)*seen;
            w += p->channels;
            seen += column_step;
        }
    }
    y[channel] = requantised(p, channel, sum);
}

/* The sums of four channels on their way. */
typedef struct {
    int32_t sum_0, sum_1, sum_2, sum_3;
} four_sums;

/* One tap: `w` are its weights by two channels. */
static inline void add_tap(four_sums *sums, const int32_t *w, const int16_t *x)
{
    const int32_t x_01 = pair(x), x_23 = pair(x + 2);
    const int32_t w_01 = w[0], w_23 = w[1];
    sums->sum_0 = stapes_add_low_halves(sums->sum_0, w_01, x_01);
    sums->sum_1 = stapes_add_upper_halves(sums->sum_1, w_01, x_01);
    sums->sum_2 = stapes_add_low_halves(sums->sum_2, w_23, x_23);
    sums->sum_3 = stapes_add_upper_halves(sums->sum_3, w_23, x_23);
}

static inline void round_sums(const four_sums *sums, const int32_t *multipliers, int16_t *y)
{
    y[0] = (int16_t)stapes_saturate_s16(stapes_high_product(sums->sum_0, multipliers[0]));
    y[1] = (int16_t)stapes_saturate_s16(stapes_high_product(sums->sum_1, multipliers[1]));
    y[2] = (int16_t)stapes_saturate_s16(stapes_high_product(sums->sum_2, multipliers[2]));
    y[3] = (int16_t)stapes_saturate_s16(stapes_high_product(sums->sum_3, multipliers[3]));
}

/* Four channels of every position of the one row: `words` hold 4 biases, the taps by two channels, 4 multipliers. */
static void four_of_row(const stapes_depthwise_conv_2d_params *p, const int32_t *words, const int16_t *x, int16_t *y)
{
    const int32_t taps = p->kernel_width;
    const int32_t channels = p->channels;
    const int32_t *const multipliers = words + 4 + 2 * taps;
    int32_t left = -p->padding_left;
    for (int32_t column = 0; column < p->output_width; column++) {
        four_sums sums = {words[0], words[1], words[2], words[3]};
        const int32_t beyond = p->input_width - left;
        if (taps == 3 && left >= 0 && beyond >= 3) {
            const int16_t *seen = x + left * channels;
            add_tap(&sums, words + 4, seen);
            add_tap(&sums, words + 6, seen + channels);
            add_tap(&sums, words + 8, seen + 2 * channels);
        } else {
            const int32_t last = beyond < taps ? beyond : taps;
            for (int32_t tap = left < 0 ? -left : 0; tap < last; tap++) {
                add_tap(&sums, words + 4 + 2 * tap, x + (left + tap) * channels);
            }
        }
        round_sums(&sums, multipliers, y);
        left += p->stride_width;
        y += channels;
    }
}

void stapes_depthwise_conv_2d_s16(const stapes_depthwise_conv_2d_params *p, const int16_t *x, int16_t *y)
{
    if (p->taps != NULL && p->kernel_height == 1) {
        for (int32_t channel = 0; channel < p->channels; channel += 4) {
            four_of_row(p, p->taps + (channel / 4) * (8 + 2 * p->kernel_width), x + channel, y + channel);
        }
        return;
    }
    if (p->taps != NULL) {
        const int32_t row = p->dilation_height * p->input_width * p->channels;
        for (int32_t channel = 0; channel < p->channels; channel += 2) {
            stapes_depthwise_pair(p->taps + STAPES_PAIR_WORDS * (channel / 2), x + channel, row, 2 * row, y + channel,
                                  p->channels, p->output_width);
        }
        return;
    }
    stapes_window at;
    const int32_t rest = p->channels % 4;
    const int32_t fours = p->channels - rest;
    for (int32_t row = 0; row < p->output_height; row++) {
        const int32_t top = row * p->stride_height - p->padding_top;
        at.rows = stapes_taps_inside(top, p->input_height, p->kernel_height, p->dilation_height);
        for (int32_t column = 0; column < p->output_width; column++) {
            const int32_t left = column * p->stride_width - p->padding_left;
            at.columns = stapes_taps_inside(left, p->input_width, p->kernel_width, p->dilation_width);
            at.origin = (top * p->input_width + left) * p->channels;
            for (int32_t channel = 0; channel < fours; channel += 4) {
                four_channels(p, &at, channel, x, y);
            }
            for (int32_t channel = 0; channel < rest; channel++) {
                one_channel(p, &at, fours + channel, x, y);
            }
            y += p->channels;
        }
    }
}
