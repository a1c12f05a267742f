#ifndef STAPES_WIDE_INVERSE_H
#define STAPES_WIDE_INVERSE_H

/* Stage `wide_inverse`: the filtered spectrum back to a hop of samples of 32 bits, by overlap-add.
 */

#include <stdint.h>

#include "stapes_inverse.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef stapes_inverse_params stapes_wide_inverse_params;
typedef stapes_inverse_state stapes_wide_inverse_state;

void stapes_wide_inverse_reset(const stapes_wide_inverse_params *p, stapes_wide_inverse_state *state);

/* filtered[F][2], twice the spectrum that shall sound, which is destroyed -> sound_q25[hop], saturated to 32 times full scale.
 * time_q31[N] is used within the call only.
 */
void stapes_wide_inverse(const stapes_wide_inverse_params *p, stapes_wide_inverse_state *state, int32_t *filtered,
                         int32_t exponent, int32_t *time_q31, int32_t *sound_q25);

#ifdef __cplusplus
}
#endif

#endif
