#ifndef STAPES_DRY_H
#define STAPES_DRY_H

/* Stage `dry`: the microphone's samples, as late as the end of the path.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/dry.py. */
typedef struct {
    int32_t hop;
    int32_t blocks; /* of the ring */
} stapes_dry_params;

typedef struct {
    int16_t *ring_q15;      /* [blocks][hop] */
    const int16_t *dry_q15; /* [hop], the oldest of them */
    int32_t slot;           /* where the next hop goes */
} stapes_dry_state;

void stapes_dry_reset(const stapes_dry_params *p, stapes_dry_state *state);

/* block_q15[hop] -> dry_q15 of the state, which holds until the next call. */
void stapes_dry(const stapes_dry_params *p, stapes_dry_state *state, const int16_t *block_q15);

#ifdef __cplusplus
}
#endif

#endif
