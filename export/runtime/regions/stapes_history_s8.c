#include <string.h>

#include "stapes_regions.h"

void stapes_history_s8(const stapes_history_params *p, const int8_t *history, const int8_t *frame, int8_t *taps,
                       int8_t *history_out)
{
    const int32_t size = p->frame_size;
    const size_t bytes = (size_t)size * sizeof *frame;
    for (int32_t tap = 0; tap < p->taps; tap++) {
        const int32_t at = p->first_tap + tap * p->tap_step;
        (void)memcpy(taps + tap * size, at < p->frames ? history + at * size : frame, bytes);
    }
    (void)memmove(history_out, history + size, ((size_t)p->frames - 1u) * bytes);
    (void)memcpy(history_out + (p->frames - 1) * size, frame, bytes);
}
