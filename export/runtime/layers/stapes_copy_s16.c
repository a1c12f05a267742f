#include <string.h>

#include "../arithmetic/stapes_move.h"
#include "stapes_layers.h"

static void copy_dense(int32_t size, const int16_t *x, int16_t *y)
{
    const int32_t worth_a_call = 64;
    if (size >= worth_a_call) {
        stapes_move_s16(y, x, size);
        return;
    }
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        (void)memcpy(y + i, x + i, 4u * sizeof *y);
    }
    for (; i < size; i++) {
        y[i] = x[i];
    }
}

/* `size` values, each `from` values behind the one before, to places that are `to` values apart. */
static void copy_steps(int32_t size, const int16_t *x, int32_t from, int16_t *y, int32_t to)
{
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        y[0] = x[0];
        y[to] = x[from];
        x += 2 * from;
        y += 2 * to;
        y[0] = x[0];
        y[to] = x[from];
        x += 2 * from;
        y += 2 * to;
    }
    for (; i < size; i++) {
        *y = *x;
        x += from;
        y += to;
    }
}

void stapes_copy_s16(const stapes_copy_params *p, const int16_t *x, int16_t *y)
{
    const int32_t *from = p->input_step;
    const int32_t *to = p->output_step;
    const bool dense = from[3] == 1 && to[3] == 1;
    x += p->input_offset;
    y += p->output_offset;
    for (int32_t a = 0; a < p->extent[0]; a++) {
        for (int32_t b = 0; b < p->extent[1]; b++) {
            for (int32_t c = 0; c < p->extent[2]; c++) {
                const int16_t *const row = x + (a * from[0] + b * from[1] + c * from[2]);
                int16_t *const made = y + (a * to[0] + b * to[1] + c * to[2]);
                if (dense) {
                    copy_dense(p->extent[3], row, made);
                } else {
                    copy_steps(p->extent[3], row, from[3], made, to[3]);
                }
            }
        }
    }
}
