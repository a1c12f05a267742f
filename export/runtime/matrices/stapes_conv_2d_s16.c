#include <stdbool.h>
#include <string.h>

#include "../arithmetic/stapes_move.h"
#include "stapes_rows.h"
#include "stapes_taps.h"

/* `size` values of padding; returns where the next values go. */
static int16_t *fill(int32_t size, int32_t value, int16_t *window)
{
    for (int32_t i = 0; i < size; i++) {
        window[i] = (int16_t)value;
    }
    return window + size;
}

static int16_t *take(int32_t size, const int16_t *x, int16_t *window)
{
    (void)memcpy(window, x, (size_t)size * sizeof *window);
    return window + size;
}

/* One row of the kernel: row `i` of x, its taps from column `left` on, for the channels from `first` on. */
static int16_t *gather_row(const stapes_conv_2d_params *p, const int16_t *x, int32_t i, int32_t left, int32_t first,
                           stapes_taps inside, int16_t *window)
{
    const int32_t channels = p->kernel_channels;
    const int32_t count = inside.last - inside.first;
    window = fill(inside.first * channels, p->input_zero_point, window);
    if (channels == p->input_channels && p->dilation_width == 1) {
        const int32_t at = (i * p->input_width + left + inside.first) * channels;
        window = take(count * channels, x + at, window);
    } else {
        for (int32_t j = inside.first; j < inside.last; j++) {
            const int32_t column = left + j * p->dilation_width;
            window = take(channels, x + ((i * p->input_width + column) * p->input_channels + first), window);
        }
    }
    return fill((p->kernel_width - inside.last) * channels, p->input_zero_point, window);
}

/* What the kernel sees with its first tap at (top, left), for the channels from `first` on. */
static void gather(const stapes_conv_2d_params *p, const int16_t *x, int32_t top, int32_t left, int32_t first,
                   int16_t *window)
{
    const stapes_taps rows = stapes_taps_inside(top, p->input_height, p->kernel_height, p->dilation_height);
    const stapes_taps columns = stapes_taps_inside(left, p->input_width, p->kernel_width, p->dilation_width);
    const int32_t row_size = p->kernel_width * p->kernel_channels;
    window = fill(rows.first * row_size, p->input_zero_point, window);
    for (int32_t i = rows.first; i < rows.last; i++) {
        window = gather_row(p, x, top + i * p->dilation_height, left, first, columns, window);
    }
    (void)fill((p->kernel_height - rows.last) * row_size, p->input_zero_point, window);
}

/* Whether the kernel has one column and sees nothing but inputs with its first tap at (top, left). */
static bool is_column_inside(const stapes_conv_2d_params *p, int32_t top, int32_t left)
{
    const int32_t last = top + (p->kernel_height - 1) * p->dilation_height;
    return p->kernel_width == 1 && top >= 0 && last < p->input_height && left >= 0 && left < p->input_width;
}

/* The same as gather for such a kernel: nothing but values that move. */
static void gather_column(const stapes_conv_2d_params *p, const int16_t *x, int32_t top, int32_t left, int32_t first,
                          int16_t *window)
{
    const int32_t channels = p->kernel_channels;
    const int32_t step = p->dilation_height * p->input_width * p->input_channels;
    x += (top * p->input_width + left) * p->input_channels + first;
    for (int32_t i = 0; i < p->kernel_height; i++) {
        stapes_move_s16(window, x, channels);
        window += channels;
        x += step;
    }
}

void stapes_conv_2d_s16(const stapes_conv_2d_params *p, const int16_t *x, int16_t *window, int16_t *y)
{
    const int32_t groups = p->input_channels / p->kernel_channels;
    const int32_t outputs = p->output_channels / groups;
    const int32_t size = p->matrix.inputs;
    (void)fill(STAPES_VECTOR_SIZE(size) - size, 0, window + size);
    for (int32_t row = 0; row < p->output_height; row++) {
        const int32_t top = row * p->stride_height - p->padding_top;
        for (int32_t column = 0; column < p->output_width; column++) {
            const int32_t left = column * p->stride_width - p->padding_left;
            const bool moves = is_column_inside(p, top, left);
            for (int32_t group = 0; group < groups; group++) {
                if (moves) {
                    gather_column(p, x, top, left, group * p->kernel_channels, window);
                } else {
                    gather(p, x, top, left, group * p->kernel_channels, window);
                }
                stapes_outputs_s16(&p->matrix, group * STAPES_VECTOR_SIZE(outputs) / 4, outputs, p->activation_min,
                                   p->activation_max, window, y);
                y += outputs;
            }
        }
    }
}
