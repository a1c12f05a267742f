#include <string.h>

#include "stapes_regions.h"

void stapes_history_frames_s8(const stapes_history_params *p, const int8_t *frame, int8_t *frames)
{
    const int32_t kept = p->frames * p->frame_size;
    (void)memmove(frames, frames + p->frame_size, (size_t)kept * sizeof *frames);
    (void)memcpy(frames + kept, frame, (size_t)p->frame_size * sizeof *frames);
}
