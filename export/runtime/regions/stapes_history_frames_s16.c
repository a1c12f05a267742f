#include "../arithmetic/stapes_move.h"
#include "stapes_regions.h"

void stapes_history_frames_s16(const stapes_history_params *p, const int16_t *frame, int16_t *frames)
{
    const int32_t kept = p->frames * p->frame_size;
    stapes_move_s16(frames, frames + p->frame_size, kept);
    stapes_move_s16(frames + kept, frame, p->frame_size);
}
