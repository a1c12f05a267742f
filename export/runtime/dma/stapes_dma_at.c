#include "stapes_dma.h"

uint32_t stapes_dma_at(stapes_dma *dma, uint32_t place, uint32_t clock)
{
    const uint32_t here = place % dma->circle; /* a counter that is about to be loaded again gives the whole circle */
    const uint64_t ticks = (uint64_t)(uint32_t)(clock - dma->clock);
    const uint64_t expected = ticks * dma->sample_rate / dma->clock_rate;
    uint64_t moved = (uint64_t)(here >= dma->place ? here - dma->place : here + dma->circle - dma->place);
    if (expected > moved) {
        moved += (expected - moved + dma->circle / 2u) / dma->circle * dma->circle;
    }
    dma->clock = clock;
    dma->place = here;
    dma->position += (uint32_t)(moved & UINT32_MAX);
    return dma->position;
}
