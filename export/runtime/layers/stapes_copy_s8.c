#include <string.h>

#include "stapes_layers.h"

/* `size` values, each `from` values behind the one before, to places that are `to` values apart. */
static void copy_row(int32_t size, const int8_t *x, int32_t from, int8_t *y, int32_t to)
{
    if (from == 1 && to == 1) {
        (void)memcpy(y, x, (size_t)size * sizeof *y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        *y = *x;
        x += from;
        y += to;
    }
}

void stapes_copy_s8(const stapes_copy_params *p, const int8_t *x, int8_t *y)
{
    const int32_t *from = p->input_step;
    const int32_t *to = p->output_step;
    x += p->input_offset;
    y += p->output_offset;
    for (int32_t a = 0; a < p->extent[0]; a++) {
        for (int32_t b = 0; b < p->extent[1]; b++) {
            for (int32_t c = 0; c < p->extent[2]; c++) {
                copy_row(p->extent[3], x + (a * from[0] + b * from[1] + c * from[2]), from[3],
                         y + (a * to[0] + b * to[1] + c * to[2]), to[3]);
            }
        }
    }
}
