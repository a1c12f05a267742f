#include "../arithmetic/stapes_move.h"
#include "stapes_regions.h"

void stapes_history_s16(const stapes_history_params *p, const int16_t *history, const int16_t *frame, int16_t *taps,
                        int16_t *history_out)
{
    const int32_t size = p->frame_size;
    for (int32_t tap = 0; tap < p->taps; tap++) {
        const int32_t at = p->first_tap + tap * p->tap_step;
        stapes_move_s16(taps + tap * size, at < p->frames ? history + at * size : frame, size);
    }
    stapes_move_s16(history_out, history + size, (p->frames - 1) * size);
    stapes_move_s16(history_out + (p->frames - 1) * size, frame, size);
}
