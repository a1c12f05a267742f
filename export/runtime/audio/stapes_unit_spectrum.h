#ifndef STAPES_UNIT_SPECTRUM_H
#define STAPES_UNIT_SPECTRUM_H

/* Stage `unit_spectrum`: the lowest bins of the spectrum over the running mean of their magnitudes, or over its root, as features.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/unit_spectrum.py. */
typedef struct {
    int32_t bins; /* K */
    bool root;
    bool level;
    int32_t rate_q31;
    int32_t length_q30;
    int32_t scale_q28;
    const int32_t *start_q31; /* [K] */
} stapes_unit_spectrum_params;

typedef struct {
    int32_t *unit_mean_q31; /* [K] running mean of the magnitudes, at least 1 */
} stapes_unit_spectrum_state;

void stapes_unit_spectrum_reset(const stapes_unit_spectrum_params *p, stapes_unit_spectrum_state *state);

/* spectrum_q31[F][2]; of the sound's level, where the form asks for it: octaves of power over the usual one, and whether there is
 * sound for the first time -> feat_spec_q20[2 * K]: real, then imaginary parts. */
void stapes_unit_spectrum(const stapes_unit_spectrum_params *p, stapes_unit_spectrum_state *state,
                          const int32_t *spectrum_q31, int32_t exponent, int32_t loud_q16, bool sound_begins,
                          int32_t *feat_spec_q20);

#ifdef __cplusplus
}
#endif

#endif
