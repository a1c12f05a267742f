#ifndef STAPES_EQUALISER_H
#define STAPES_EQUALISER_H

/* Stage `equaliser`: a cascade of sections of second order on the sound.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/equaliser.py. */
typedef struct {
    int32_t hop;
    int32_t sections; /* K */
    int32_t lift;
    const int32_t *coefficients_q30; /* [K][5] b0, b1, b2, -a1, -a2 */
} stapes_equaliser_params;

typedef struct {
    int32_t *past_q25;  /* [K][4] the last two samples before and behind each section, the newer one first */
    uint32_t *rest_q55; /* [K] what rounding the last sample cut off */
} stapes_equaliser_state;

void stapes_equaliser_reset(const stapes_equaliser_params *p, stapes_equaliser_state *state);

/* sound_q25[hop] in its place; of 31 bits; what is beyond 32 times full scale behind a section is saturated. */
void stapes_equaliser(const stapes_equaliser_params *p, stapes_equaliser_state *state, int32_t *sound_q25);

#ifdef __cplusplus
}
#endif

#endif
