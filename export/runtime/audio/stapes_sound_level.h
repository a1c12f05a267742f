#ifndef STAPES_SOUND_LEVEL_H
#define STAPES_SOUND_LEVEL_H

/* Stage `sound_level`: how loud the sound is against the usual level.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/sound_level.py. */
typedef struct {
    int32_t bins;
    int32_t offset_q16;
    int32_t attack_q31;
    int32_t release_q31;
    int32_t near_q24;
    int32_t start_q24;
    int32_t silent_q24;
    int32_t usual_q24;
    int32_t least_q16;
    int32_t most_q16;
} stapes_sound_level_params;

typedef struct {
    int32_t sound_q24; /* of the sound, in octaves of its power */
    int32_t loud_q16;  /* the same over the usual level */
    bool has_sound;
    bool sound_begins; /* the first frame that is not silent */
} stapes_sound_level_state;

void stapes_sound_level_reset(const stapes_sound_level_params *p, stapes_sound_level_state *state);

/* spectrum_q31[F][2] -> loud_q16 and sound_begins of the state. */
void stapes_sound_level(const stapes_sound_level_params *p, stapes_sound_level_state *state,
                        const int32_t *spectrum_q31, int32_t exponent);

#ifdef __cplusplus
}
#endif

#endif
