#include <string.h>

#include "stapes_rows.h"
#include "stapes_sweep.h"
#include "stapes_window.h"

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

/* One output position, group by group. */
static void at_position(const stapes_conv_2d_params *p, const int16_t *x, int32_t row, int32_t column, int16_t *window,
                        int16_t *y)
{
    const int32_t groups = p->input_channels / p->kernel_channels;
    const int32_t outputs = p->output_channels / groups;
    const int32_t top = row * p->stride_height - p->padding_top;
    const int32_t left = column * p->stride_width - p->padding_left;
    for (int32_t group = 0; group < groups; group++) {
        gather(p, x, top, left, group * p->kernel_channels, window);
        stapes_outputs_s16(&p->matrix, group * STAPES_VECTOR_SIZE(outputs) / 4, outputs, p->activation_min,
                           p->activation_max, window, y);
        y += outputs;
    }
}

/* The positions of a row, from `first` on, whose windows lie inside the input, so that they are read where they are. */
static stapes_sweep in_place(const stapes_conv_2d_params *p, int32_t *first)
{
    const int32_t channels = p->input_channels;
    const int32_t step = p->stride_width * channels;
    const bool whole = p->kernel_channels == channels && p->dilation_width == 1;
    const int32_t run = whole ? p->kernel_width * channels : p->kernel_channels;
    const int32_t runs = whole ? 1 : p->kernel_width;
    const int32_t run_step = p->dilation_width * channels;
    const int32_t reach = (runs - 1) * run_step + STAPES_VECTOR_SIZE(run);
    /* What fills up the last group of a run lies inside the row, too. */
    const int32_t start = (p->padding_left + p->stride_width - 1) / p->stride_width;
    const int32_t room = (p->input_width + p->padding_left) * channels - reach;
    const int32_t end = room < 0 ? 0 : room / step + 1;
    const int32_t last = end < p->output_width ? end : p->output_width;
    const stapes_sweep over = {last - start, step, p->output_channels, runs, run, run_step};
    *first = start;
    return over;
}

static void sweep_row(const stapes_conv_2d_params *p, const stapes_sweep *over, const int16_t *x, int32_t row,
                      int32_t first, int16_t *y)
{
    const int32_t groups = p->input_channels / p->kernel_channels;
    const int32_t outputs = p->output_channels / groups;
    const int32_t top = row * p->stride_height;
    const int32_t left = first * p->stride_width - p->padding_left;
    for (int32_t group = 0; group < groups; group++) {
        stapes_sweep_s16(&p->matrix, over, group * outputs / 4, outputs,
                         x + ((top * p->input_width + left) * p->input_channels + group * p->kernel_channels),
                         y + (first * p->output_channels + group * outputs));
    }
}

void stapes_conv_2d_s16(const stapes_conv_2d_params *p, const int16_t *x, int16_t *window, int16_t *y)
{
    const int32_t groups = p->input_channels / p->kernel_channels;
    const int32_t outputs = p->output_channels / groups;
    const int32_t size = p->matrix.inputs;
    int32_t first = 0;
    stapes_sweep over = in_place(p, &first);
    if (p->kernel_height != 1 || p->padding_top != 0 || outputs % 4 != 0 ||
        !stapes_sweep_fits(&p->matrix, &over, p->activation_min, p->activation_max)) {
        over.vectors = 0;
    }
    (void)fill(STAPES_VECTOR_SIZE(size) - size, 0, window + size);
    for (int32_t row = 0; row < p->output_height; row++) {
        if (over.vectors > 0) {
            sweep_row(p, &over, x, row, first, y);
        }
        for (int32_t column = 0; column < p->output_width; column++) {
            if (column < first || column >= first + over.vectors) {
                at_position(p, x, row, column, window, y);
            }
            y += p->output_channels;
        }
    }
}
