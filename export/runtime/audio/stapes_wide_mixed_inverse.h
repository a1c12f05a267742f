#ifndef STAPES_WIDE_MIXED_INVERSE_H
#define STAPES_WIDE_MIXED_INVERSE_H

/* Stage `wide_inverse` with the transform of mixed radix.
 */

#include <stdint.h>

#include "stapes_mixed_inverse.h"
#include "stapes_wide_inverse.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef stapes_mixed_inverse_params stapes_wide_mixed_inverse_params;

void stapes_wide_mixed_inverse_reset(const stapes_wide_mixed_inverse_params *p, stapes_wide_inverse_state *state);

/* As stapes_wide_inverse. */
void stapes_wide_mixed_inverse(const stapes_wide_mixed_inverse_params *p, stapes_wide_inverse_state *state,
                               int32_t *filtered, int32_t exponent, int32_t *time_q31, int32_t *sound_q25);

#ifdef __cplusplus
}
#endif

#endif
