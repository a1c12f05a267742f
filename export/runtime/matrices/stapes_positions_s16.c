#include <string.h>

#include "../arithmetic/stapes_move.h"
#include "stapes_matrices.h"

/* An even number of values; calls for so few cost more than they copy. */
static int16_t *take(int32_t size, const int16_t *x, int16_t *y)
{
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        (void)memcpy(y + i, x + i, 4u * sizeof *y);
    }
    for (; i < size; i++) {
        y[i] = x[i];
    }
    return y + size;
}

static int16_t *zeros(int32_t size, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = 0;
    }
    return y + size;
}

void stapes_positions_s16(const stapes_positions_params *p, const int16_t *x, int16_t *y)
{
    y = zeros(p->before * p->channels, y);
    if (p->channels == p->input_step) {
        stapes_move_s16(y, x, p->width * p->channels);
        y += p->width * p->channels;
    } else {
        x += p->first_channel;
        for (int32_t position = 0; position < p->width; position++) {
            y = take(p->channels, x, y);
            x += p->input_step;
        }
    }
    (void)zeros(p->after * p->channels, y);
}
