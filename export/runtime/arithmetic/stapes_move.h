#ifndef STAPES_MOVE_H
#define STAPES_MOVE_H

/* Values of int16 to another place, as many at a time as registers hold. */

#include <string.h>

#include "../stapes_core.h"
#include "stapes_intrinsics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `size` values; `to` lies in front of `from`, or they do not overlap. */
static inline void stapes_move_s16(int16_t *to, const int16_t *from, int32_t size)
{
    int32_t done = 0;
#if STAPES_CORTEX_M7
    const int32_t blocks = size / 16;
    if (blocks > 0 && (((uintptr_t)to | (uintptr_t)from) % 4u) == 0u) {
        stapes_move_blocks(to, from, blocks);
        done = 16 * blocks;
    }
#endif
    if (done < size) {
        (void)memmove(to + done, from + done, (size_t)(size - done) * sizeof *to);
    }
}

#ifdef __cplusplus
}
#endif

#endif
