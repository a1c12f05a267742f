#ifndef STAPES_WIENER_H
#define STAPES_WIENER_H

/* Stage `wiener`: a priori SNR by the decision-directed rule, noise gated by a likelihood-ratio VAD, and the gain of both.
 * The sources of the rule stand in models/audio/wiener.py.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/wiener.py. */
typedef struct {
    int32_t bins; /* F */
    uint64_t noise_floor_q40;
    uint64_t silent_sum_q40;
    int32_t startup_frames;
    uint32_t startup_mean_q31;
    int32_t startup_gain2_q30;
    uint16_t startup_gain_q15;
    int32_t gamma_max_q24;
    int32_t xi_min_q24;
    int32_t prior_weight_q31;
    int64_t vad_threshold_sum_q24;
    int32_t noise_step_q16;
    int32_t hold_step_q16;
    int32_t vad_hold_frames;
    int32_t signal_shift;
    int32_t clear_octaves_q16;
    int32_t clear_run_shift;
} stapes_wiener_params;

typedef struct {
    uint64_t *noise_q40;  /* [F] noise power; in start-up the sum of the powers */
    int32_t *prior_q24;   /* [F] gain^2 * gamma of the frame before */
    uint64_t signal_q40;  /* running mean of the sum of power_q40; 0 before the first sound */
    int64_t score_q24;    /* last frame: VAD statistic times F */
    int32_t startup_left;
    int32_t speech_run;
    int32_t clarity_q15;  /* last frame: how clear its speech is */
    bool silent;          /* last frame */
    bool speech;          /* last frame */
} stapes_wiener_state;

void stapes_wiener_reset(const stapes_wiener_params *p, stapes_wiener_state *state);

/* Gain and VAD of power_q40[F], then the noise. gain2_q30[F] is the square of gain_q15[F]. */
void stapes_wiener(const stapes_wiener_params *p, stapes_wiener_state *state, const uint64_t *power_q40,
                   int32_t *gain2_q30, uint16_t *gain_q15);

#ifdef __cplusplus
}
#endif

#endif
