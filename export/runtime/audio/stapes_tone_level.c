#include "stapes_tone_level.h"

#include <stdbool.h>

#include "stapes_audio_scalar.h"

/* As FLOOR_LOG2 in models/audio/tone_level.py. */
#define FLOOR_SHIFT 20

static uint64_t band_q40(const stapes_tone_level_params *p, const uint64_t *power_q40, int32_t band)
{
    const int32_t end = p->edges[band + 1];
    uint64_t sum_q40 = 0;
    for (int32_t k = p->edges[band]; k < end; k++) {
        sum_q40 += power_q40[k];
    }
    return sum_q40;
}

/* How far the next frame moves the mean: by 1 / 2^shift. */
static int32_t shift_of(const stapes_tone_level_params *p, stapes_tone_level_state *state, const uint64_t *power_q40)
{
    const int32_t end = p->edges[p->bands];
    bool sounds = false;
    for (int32_t k = 0; k < end && !sounds; k++) {
        sounds = power_q40[k] != 0u;
    }
    if (sounds && state->frames < stapes_shift_left(1, p->memory)) {
        state->frames++;
    }
    return state->frames > 0 ? 31 - stapes_leading_zeros((uint32_t)state->frames) : 0;
}

static int32_t octaves_q16(const stapes_tone_level_params *p, uint64_t level_q48, int32_t band)
{
    return level_q48 > 0u ? stapes_octaves_q16(stapes_normalise(level_q48)) - p->width_log2_q16[band] : 0;
}

void stapes_tone_level_reset(const stapes_tone_level_params *p, stapes_tone_level_state *state)
{
    for (int32_t band = 0; band < p->bands; band++) {
        state->tone_mean_q48[band] = 0;
    }
    state->frames = 0;
}

void stapes_tone_level(const stapes_tone_level_params *p, stapes_tone_level_state *state, const uint64_t *power_q40,
                       int32_t *tone_q20)
{
    const int32_t shift = shift_of(p, state, power_q40);
    uint64_t *mean_q48 = state->tone_mean_q48;
    uint64_t all_q48 = 0;
    int64_t sum_q16 = 0;
    for (int32_t band = 0; band < p->bands; band++) {
        const int64_t way_q48 = (int64_t)(band_q40(p, power_q40, band) << 8) - (int64_t)mean_q48[band];
        mean_q48[band] = (uint64_t)((int64_t)mean_q48[band] + (way_q48 >> shift));
        all_q48 += mean_q48[band];
    }
    for (int32_t band = 0; band < p->bands; band++) {
        tone_q20[band] = octaves_q16(p, mean_q48[band] + (all_q48 >> FLOOR_SHIFT), band);
        sum_q16 += tone_q20[band];
    }
    for (int32_t band = 0; band < p->bands; band++) {
        const int64_t above = ((int64_t)p->bands * tone_q20[band] - sum_q16) * p->share_q30;
        tone_q20[band] = (int32_t)((above + ((int64_t)1 << 29)) >> 30);
    }
    tone_q20[p->bands] = (int32_t)(((int64_t)stapes_log2_q16((uint32_t)state->frames + 1u) * p->heard_q15 +
                                    (1 << 14)) >>
                                   15);
}
