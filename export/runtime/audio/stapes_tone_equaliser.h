#ifndef STAPES_TONE_EQUALISER_H
#define STAPES_TONE_EQUALISER_H

/* Stage `tone_equaliser`: peaks at fixed places whose gains the network gives.
 */

#include <stdint.h>

#include "stapes_peaking.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/tone_equaliser.py. */
typedef struct {
    int32_t hop;
    int32_t bands; /* K */
    int32_t hops;
    int32_t step_q30;
    int32_t quality_q16;
    const int32_t *octaves_q16; /* [K] */
    const stapes_peaking_tables *peaking;
} stapes_tone_equaliser_params;

typedef struct {
    int32_t *coefficients_q30; /* [K][5] of this hop */
    int32_t *past_q25;         /* [K][4] as stapes_biquad has it */
    uint32_t *rest_q55;        /* [K] */
    int32_t *start_q16;        /* [K] gains in dB: where the glide began */
    int32_t *target_q16;       /* [K] where it ends */
    int32_t position_q30;      /* as stapes_glide has it */
    int32_t wait;              /* hops to the next look at the gains */
} stapes_tone_equaliser_state;

void stapes_tone_equaliser_reset(const stapes_tone_equaliser_params *p, stapes_tone_equaliser_state *state);

/* sound_q25[hop] in its place, tone_gains_q15[K] of 12 dB, or null for 0 dB; what is beyond 32 times full scale behind a peak is
 * saturated.
 */
void stapes_tone_equaliser(const stapes_tone_equaliser_params *p, stapes_tone_equaliser_state *state,
                           int32_t *sound_q25, const int16_t *tone_gains_q15);

#ifdef __cplusplus
}
#endif

#endif
