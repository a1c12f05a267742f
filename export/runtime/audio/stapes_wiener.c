#include "stapes_wiener.h"

#include <string.h>

#include "stapes_audio_scalar.h"

#define ONE_Q24 (1 << 24)
#define LN2_Q31 1488522236

static uint64_t sum_of(const uint64_t *x, int32_t size)
{
    uint64_t sum = 0;
    for (int32_t k = 0; k < size; k++) {
        sum += x[k];
    }
    return sum;
}

/* Silence is a frame whose powers sum to less than the noise floor; any other moves the signal, the first sets it. */
static void track_signal(const stapes_wiener_params *p, stapes_wiener_state *state, const uint64_t *power_q40)
{
    const uint64_t sum_q40 = sum_of(power_q40, p->bins);
    state->silent = sum_q40 < p->silent_sum_q40;
    if (state->silent) {
        return;
    }
    const int64_t half = ((int64_t)1 << p->signal_shift) >> 1;
    const int64_t step = ((int64_t)sum_q40 - (int64_t)state->signal_q40 + half) >> p->signal_shift;
    state->signal_q40 = state->signal_q40 > 0u ? (uint64_t)((int64_t)state->signal_q40 + step) : sum_q40;
}

static int32_t octaves_q16(uint64_t x)
{
    return stapes_octaves_q16(stapes_normalise(x > 0u ? x : 1u));
}

/* How far the signal is above the noise, 0 at clear_octaves, one less a last bit two octaves above; fading where speech
 * does not pause.
 */
static int32_t clarity_q15(const stapes_wiener_params *p, const stapes_wiener_state *state)
{
    const int32_t frames_left = (65536 >> p->clear_run_shift) - state->speech_run;
    if (frames_left <= 0) {
        return 0;
    }
    const int32_t left_q15 = frames_left << p->clear_run_shift;
    const int32_t above_q16 = octaves_q16(state->signal_q40) - octaves_q16(sum_of(state->noise_q40, p->bins));
    const int32_t snr_q15 = (above_q16 - p->clear_octaves_q16) >> 2;
    const int32_t clarity = snr_q15 < left_q15 ? snr_q15 : left_q15;
    return clarity < 0 ? 0 : clarity < 32767 ? clarity : 32767;
}

static uint64_t mean_of_startup(const stapes_wiener_params *p, uint64_t sum)
{
    const uint64_t high = (sum >> 32) * p->startup_mean_q31;
    const uint64_t low = (sum & 0xFFFFFFFFu) * p->startup_mean_q31;
    return (high << 1) + (low >> 31);
}

/* Sums the frames that are not silent; the mean of them is the first noise estimate. */
static void start_up(const stapes_wiener_params *p, stapes_wiener_state *state, const uint64_t *power_q40,
                     int32_t *gain2_q30, uint16_t *gain_q15)
{
    for (int32_t k = 0; k < p->bins; k++) {
        gain2_q30[k] = p->startup_gain2_q30;
        gain_q15[k] = p->startup_gain_q15;
    }
    if (state->silent) {
        return;
    }
    state->startup_left--;
    for (int32_t k = 0; k < p->bins; k++) {
        state->noise_q40[k] += power_q40[k];
        if (state->startup_left == 0) {
            const uint64_t mean = mean_of_startup(p, state->noise_q40[k]);
            state->noise_q40[k] = mean > p->noise_floor_q40 ? mean : p->noise_floor_q40;
        }
    }
}

/* A posteriori and a priori SNR and gain of each bin; the log-likelihood ratios of all bins make the VAD's score. */
static void decision_directed(const stapes_wiener_params *p, stapes_wiener_state *state, const uint64_t *power_q40,
                              int32_t *gain2_q30, uint16_t *gain_q15)
{
    const int64_t prior_weight_q31 = p->prior_weight_q31;
    const int64_t present_weight_q31 = ((int64_t)1 << 31) - prior_weight_q31;
    int64_t prior_sum_q24 = 0;
    int64_t log2_sum_q16 = 0;
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t gamma_q24 = stapes_ratio(stapes_normalise(power_q40[k]), stapes_normalise(state->noise_q40[k]),
                                               24, p->gamma_max_q24);
        const int32_t present_q24 = gamma_q24 > ONE_Q24 ? gamma_q24 - ONE_Q24 : 0;
        const int64_t weighted = state->prior_q24[k] * prior_weight_q31 + present_q24 * present_weight_q31;
        const int32_t mixed_q24 = (int32_t)((weighted + ((int64_t)1 << 30)) >> 31);
        const int32_t xi_q24 = mixed_q24 > p->xi_min_q24 ? mixed_q24 : p->xi_min_q24;
        const uint32_t one_plus_xi = (uint32_t)(xi_q24 + ONE_Q24);
        const int32_t squared_q30 = stapes_ratio(stapes_normalise_32((uint32_t)xi_q24),
                                                 stapes_normalise_32(one_plus_xi), 30, 1 << 30);
        const int32_t prior_q24 = (int32_t)(((int64_t)squared_q30 * gamma_q24) >> 30);
        prior_sum_q24 += prior_q24;
        log2_sum_q16 += stapes_log2_q16(one_plus_xi) - (24 << 16);
        gain2_q30[k] = squared_q30;
        state->prior_q24[k] = prior_q24;
        gain_q15[k] = (uint16_t)((stapes_isqrt((uint32_t)squared_q30 << 2) + 1u) >> 1);
    }
    state->score_q24 = prior_sum_q24 - ((log2_sum_q16 * LN2_Q31) >> 23);
    state->speech = state->score_q24 >= p->vad_threshold_sum_q24;
}

/* Follows the noise in frames without speech, and slowly when the VAD has been stuck on speech. */
static void track_noise(const stapes_wiener_params *p, stapes_wiener_state *state, const uint64_t *power_q40)
{
    const int32_t step_q16 = state->speech ? p->hold_step_q16 : p->noise_step_q16;
    const int32_t longest_run = p->vad_hold_frames + 1;
    state->speech_run = !state->speech ? 0 : state->speech_run < longest_run ? state->speech_run + 1 : longest_run;
    if (state->silent || (state->speech && state->speech_run <= p->vad_hold_frames)) {
        return;
    }
    for (int32_t k = 0; k < p->bins; k++) {
        const int64_t noise = (int64_t)state->noise_q40[k];
        const int64_t difference = (int64_t)power_q40[k] - noise;
        const int64_t moved = noise + ((difference * step_q16 + (1 << 15)) >> 16);
        state->noise_q40[k] = moved > (int64_t)p->noise_floor_q40 ? (uint64_t)moved : p->noise_floor_q40;
    }
}

void stapes_wiener_reset(const stapes_wiener_params *p, stapes_wiener_state *state)
{
    (void)memset(state->noise_q40, 0, (size_t)p->bins * sizeof(uint64_t));
    for (int32_t k = 0; k < p->bins; k++) {
        state->prior_q24[k] = ONE_Q24; /* what the rule takes in its first frame */
    }
    state->signal_q40 = 0;
    state->score_q24 = 0;
    state->startup_left = p->startup_frames;
    state->speech_run = 0;
    state->clarity_q15 = 0;
    state->silent = false;
    state->speech = false;
}

void stapes_wiener(const stapes_wiener_params *p, stapes_wiener_state *state, const uint64_t *power_q40,
                   int32_t *gain2_q30, uint16_t *gain_q15)
{
    track_signal(p, state, power_q40);
    if (state->startup_left > 0) {
        start_up(p, state, power_q40, gain2_q30, gain_q15);
        return;
    }
    state->clarity_q15 = clarity_q15(p, state);
    decision_directed(p, state, power_q40, gain2_q30, gain_q15);
    track_noise(p, state, power_q40);
}
