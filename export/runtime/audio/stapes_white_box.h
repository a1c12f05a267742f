#ifndef STAPES_WHITE_BOX_H
#define STAPES_WHITE_BOX_H

/* What the parametric decoder of a white-box network gave, as controls of the steered equaliser. The Python twin stands in
 * firmware_sim/audio/white_box.py.
 */

#include <stdint.h>

#include "../stapes_status.h"
#include "stapes_steered_equaliser.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Outputs of the decoder's program, with its own macros for the first two numbers. */
typedef struct {
    int32_t bands;               /* NAME_FREQUENCY_SIZE */
    int32_t frequency_scale_q31; /* NAME_FREQUENCY_SCALE_Q31 */
    const int16_t *frequency;    /* [bands] logit, times its scale */
    const int16_t *gain_q15;     /* [bands] of 12 dB */
    const int16_t *quality_q15;  /* [bands] of the way from 0.5 to 5 */
    const int16_t *weight_q15;   /* [bands] of the gain; NULL where the decoder has none */
} stapes_white_box_heads;

/* Frequencies, gains and Qs of the first `bands` bands; the others stay. STAPES_OUT_OF_RANGE for a number of bands that is none, or
 * a scale that is not above zero: nothing changes then.
 */
stapes_status stapes_white_box(const stapes_white_box_heads *heads, stapes_steered_equaliser_controls *controls);

#ifdef __cplusplus
}
#endif

#endif
