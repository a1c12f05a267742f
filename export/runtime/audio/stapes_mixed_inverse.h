#ifndef STAPES_MIXED_INVERSE_H
#define STAPES_MIXED_INVERSE_H

/* Stage `inverse` with the transform of mixed radix: the filtered spectrum back to a hop of samples, by overlap-add.
 */

#include "stapes_mixed_rfft_q31.h"
#include "stapes_inverse.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/inverse.py. */
typedef struct {
    int32_t analysis;  /* N, samples of a frame */
    int32_t synthesis; /* samples of the synthesis window */
    int32_t hop;       /* synthesis / 2 */
    int32_t shift;
    const int32_t *window_q31; /* [synthesis] times a factor of the transform */
    const stapes_mixed_rfft_tables *rfft;
} stapes_mixed_inverse_params;

void stapes_mixed_inverse_reset(const stapes_mixed_inverse_params *p, stapes_inverse_state *state);

/* As stapes_inverse, of the spectrum itself instead of twice it; overlap_q25 has 22 bits of fraction here. */
void stapes_mixed_inverse(const stapes_mixed_inverse_params *p, stapes_inverse_state *state, int32_t *filtered,
                          int32_t exponent, int32_t *time_q31, int16_t *output_q15);

#ifdef __cplusplus
}
#endif

#endif
