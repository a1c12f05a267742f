#include "stapes_erb_level.h"

#include "stapes_audio_scalar.h"
#include "stapes_running_mean.h"

static int32_t level_q24(const stapes_erb_level_params *p, const uint64_t *power_q40, uint32_t floor_q40, int32_t band)
{
    const int32_t first = p->edges[band];
    const int32_t end = p->edges[band + 1];
    uint64_t sum_q40 = (uint64_t)floor_q40 * (uint32_t)(end - first);
    for (int32_t k = first; k < end; k++) {
        sum_q40 += power_q40[k];
    }
    return (stapes_octaves_q16(stapes_normalise(sum_q40)) - p->width_log2_q16[band]) * 256;
}

/* What silence adds to the power of each bin at this level of the sound. */
static uint32_t floor_at(const stapes_erb_level_params *p, int32_t loud_q16)
{
    const uint64_t scaled_q60 = (uint64_t)p->floor_q40 * (uint32_t)stapes_exp2_q20(loud_q16);
    const uint32_t floor_q40 = (uint32_t)((scaled_q60 + ((uint64_t)1 << 19)) >> 20);
    return floor_q40 > 1u ? floor_q40 : 1u;
}

void stapes_erb_level_reset(const stapes_erb_level_params *p, stapes_erb_level_state *state)
{
    for (int32_t band = 0; band < p->bands; band++) {
        state->erb_mean_q24[band] = p->start_q24[band];
    }
}

void stapes_erb_level(const stapes_erb_level_params *p, stapes_erb_level_state *state, const uint64_t *power_q40,
                      int32_t loud_q16, bool sound_begins, int32_t *feat_erb_q20)
{
    int32_t *mean_q24 = state->erb_mean_q24;
    const uint32_t floor_q40 = p->level ? floor_at(p, loud_q16) : p->floor_q40;
    if (p->level && sound_begins) {
        for (int32_t band = 0; band < p->bands; band++) {
            mean_q24[band] = p->start_q24[band] + loud_q16 * 256;
        }
    }
    for (int32_t band = 0; band < p->bands; band++) {
        const int32_t level = level_q24(p, power_q40, floor_q40, band);
        mean_q24[band] = stapes_running_mean_move(mean_q24[band], level, p->rate_q31);
        feat_erb_q20[band] = (int32_t)(((int64_t)(level - mean_q24[band]) * p->scale_q27 + ((int64_t)1 << 30)) >> 31);
    }
}
