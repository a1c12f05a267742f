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
    int32_t offset_q16;
    int32_t attack_q31;
    int32_t release_q31;
    int32_t silent_q24;
    int32_t usual_q24;
    int32_t factor_min_q16;
    int32_t factor_max_q16;
    const int32_t *start_q31; /* [K] */
} stapes_unit_spectrum_params;

typedef struct {
    int32_t *unit_mean_q31; /* [K] running mean of the magnitudes, at least 1 */
    int32_t sound_q24;      /* of the sound, in octaves of its power */
    bool has_sound;
} stapes_unit_spectrum_state;

void stapes_unit_spectrum_reset(const stapes_unit_spectrum_params *p, stapes_unit_spectrum_state *state);

/* spectrum_q31[F][2] -> feat_spec_q20[2 * K]: real, then imaginary parts. */
void stapes_unit_spectrum(const stapes_unit_spectrum_params *p, stapes_unit_spectrum_state *state,
                          const int32_t *spectrum_q31, int32_t exponent, int32_t *feat_spec_q20);

#ifdef __cplusplus
}
#endif

#endif
