#ifndef STAPES_STEERED_EQUALISER_H
#define STAPES_STEERED_EQUALISER_H

/* Stage `steered_equaliser`: peaks whose frequencies, gains and Qs may change while the device runs.
 */

#include <stdint.h>

#include "stapes_peaking.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STAPES_STEERED_BANDS 10

/* Explained in quantize/audio/steered_equaliser.py. */
typedef struct {
    int32_t hop;
    int32_t bands; /* K */
    int32_t step_q30;
    const stapes_peaking_tables *peaking;
} stapes_steered_equaliser_params;

typedef struct {
    int32_t *coefficients_q30; /* [K][5] of this hop */
    int32_t *past_q25;         /* [K][4] as stapes_biquad has it */
    uint32_t *rest_q55;        /* [K] */
    int32_t *given;            /* [3][K] the controls of the last hop */
    int32_t *start_q16;        /* [3][K] log2 of frequencies, gains in dB, log2 of Qs: where the glide began */
    int32_t *target_q16;       /* [3][K] where it ends */
    int32_t position_q30;      /* as stapes_glide has it */
} stapes_steered_equaliser_state;

/* Of the bands that there are, the first K are used. */
typedef struct {
    int32_t frequency_q8[STAPES_STEERED_BANDS];
    int32_t gain_db_q16[STAPES_STEERED_BANDS];
    int32_t quality_q16[STAPES_STEERED_BANDS];
} stapes_steered_equaliser_controls;

void stapes_steered_equaliser_reset(const stapes_steered_equaliser_params *p, stapes_steered_equaliser_state *state);

/* sound_q25[hop] in its place; what is beyond 32 times full scale behind a band is saturated. */
void stapes_steered_equaliser(const stapes_steered_equaliser_params *p, stapes_steered_equaliser_state *state,
                              const stapes_steered_equaliser_controls *controls, int32_t *sound_q25);

#ifdef __cplusplus
}
#endif

#endif
