#include "stapes_dma.h"

#include <stddef.h>

stapes_status stapes_dma_start(stapes_dma *dma, uint32_t circle, uint32_t sample_rate, uint32_t clock_rate,
                               uint32_t clock)
{
    if (dma == NULL) {
        return STAPES_NULL_POINTER;
    }
    if (circle == 0u || sample_rate == 0u || clock_rate == 0u) {
        return STAPES_OUT_OF_RANGE;
    }
    dma->circle = circle;
    dma->sample_rate = sample_rate;
    dma->clock_rate = clock_rate;
    dma->clock = clock;
    dma->place = 0u;
    dma->position = 0u;
    return STAPES_OK;
}
