#ifndef STAPES_CONTROLS_H
#define STAPES_CONTROLS_H

/* What a program asks of controls before it takes them. A stage KIND with controls declares them as stapes_KIND_controls, all of
 * int32_t; NAME_controls holds those of all stages of a program.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether low <= values[count] <= high. */
static inline bool stapes_within(const int32_t *values, int32_t count, int32_t low, int32_t high)
{
    bool within = true;
    for (int32_t i = 0; i < count; i++) {
        within = within && values[i] >= low && values[i] <= high;
    }
    return within;
}

#ifdef __cplusplus
}
#endif

#endif
