#ifndef STAPES_DMA_H
#define STAPES_DMA_H

/* How far a DMA has come that runs in a circle. Its own register tells the place in the circle, but not how often it went
 * round while interrupts were masked; any clock that runs on meanwhile does, if it is right to within half a circle.
 */

#include <stdint.h>

#include "../stapes_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the DMA is: samples that it has moved since its start, modulo 2^32. */
typedef uint32_t (*stapes_dma_position)(void *user);

/* Its members are private. */
typedef struct {
    uint32_t circle;      /* samples */
    uint32_t sample_rate; /* Hz */
    uint32_t clock_rate;  /* Hz */
    uint32_t clock;       /* ticks, when it was last asked */
    uint32_t place;       /* samples, then */
    uint32_t position;    /* samples, then */
} stapes_dma;

/* When the DMA is started: samples of its circle, its sample rate and the clock's rate in Hz, and the clock now.
 * STAPES_OUT_OF_RANGE where one of the first three is 0.
 */
stapes_status stapes_dma_start(stapes_dma *dma, uint32_t circle, uint32_t sample_rate, uint32_t clock_rate,
                               uint32_t clock);

/* The DMA's position, from its place in the circle and the clock, both read now. The clock may wrap; ask before it has gone
 * all the way round.
 */
uint32_t stapes_dma_at(stapes_dma *dma, uint32_t place, uint32_t clock);

#ifdef __cplusplus
}
#endif

#endif
