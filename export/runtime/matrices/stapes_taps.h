#ifndef STAPES_TAPS_H
#define STAPES_TAPS_H

/* Which taps of a kernel lie inside the input. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Taps first ... last - 1. */
typedef struct {
    int32_t first, last;
} stapes_taps;

/* What a kernel sees at one output position: its taps inside, and where the first of all taps is, inside or not. */
typedef struct {
    stapes_taps rows, columns;
    int32_t origin;
} stapes_window;

/* Tap k of `taps` looks at start + k * dilation, for the inputs 0 ... size - 1. */
static inline stapes_taps stapes_taps_inside(int32_t start, int32_t size, int32_t taps, int32_t dilation)
{
    stapes_taps inside = {0, taps};
    while (inside.first < taps && start + inside.first * dilation < 0) {
        inside.first++;
    }
    while (inside.last > inside.first && start + (inside.last - 1) * dilation >= size) {
        inside.last--;
    }
    return inside;
}

#ifdef __cplusplus
}
#endif

#endif
