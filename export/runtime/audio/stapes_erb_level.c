#include "stapes_erb_level.h"

#include "stapes_audio_scalar.h"
#include "stapes_running_mean.h"

static int32_t level_q24(const stapes_erb_level_params *p, const uint64_t *power_q40, int32_t band)
{
    const int32_t first = p->edges[band];
    const int32_t end = p->edges[band + 1];
    uint64_t sum_q40 = (uint64_t)p->floor_q40 * (uint32_t)(end - first);
    for (int32_t k = first; k < end; k++) {
        sum_q40 += power_q40[k];
    }
    return (stapes_octaves_q16(stapes_normalise(sum_q40)) - p->width_log2_q16[band]) * 256;
}

void stapes_erb_level_reset(const stapes_erb_level_params *p, stapes_erb_level_state *state)
{
    for (int32_t band = 0; band < p->bands; band++) {
        state->erb_mean_q24[band] = p->start_q24[band];
    }
}

void stapes_erb_level(const stapes_erb_level_params *p, stapes_erb_level_state *state, const uint64_t *power_q40,
                      int32_t *feat_erb_q20)
{
    int32_t *mean_q24 = state->erb_mean_q24;
    for (int32_t band = 0; band < p->bands; band++) {
        const int32_t level = level_q24(p, power_q40, band);
        mean_q24[band] = stapes_running_mean_move(mean_q24[band], level, p->rate_q31);
        feat_erb_q20[band] = (int32_t)(((int64_t)(level - mean_q24[band]) * p->scale_q27 + ((int64_t)1 << 30)) >> 31);
    }
}
