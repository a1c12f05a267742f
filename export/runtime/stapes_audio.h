#ifndef STAPES_AUDIO_H
#define STAPES_AUDIO_H

/* The fixed-point audio path around the network: one hop of samples in, one hop out. This header holds its documentation.
 *
 * block -> stapes_audio_analyse -> features_q20 -> stapes_audio_quantise_s8/_s16 -> network -> stapes_audio_mask_s8/_s16
 * -> mask_q15 -> stapes_audio_synthesise -> block, `synthesis - hop` samples behind the input.
 *
 * Where the network sees complex spectra and gives a complex mask, there is no Wiener filter: stapes_audio_analyse_complex and
 * stapes_audio_synthesise_complex stand in the place of the two, STAPES_AUDIO_COMPLEX_ARRAYS and _BIND in that of the macros.
 *
 * A name ends in its format: power_q40 holds power * 2^40. The Python twins stand in firmware_sim/audio under the same
 * names, with the same steps and the same bits. Pointers are never null unless it is said. Nothing allocates, recurses,
 * keeps a state of its own or uses floating point.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stapes_rfft_q31.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { STAPES_FEATURES_MAGNITUDE = 0, STAPES_FEATURES_LOG = 1, STAPES_FEATURES_COMPRESSED = 2, STAPES_FEATURES_COMPLEX = 3 };

/* Constants of one front end: audio_params in quantize/audio_params.py, where each is explained. */
typedef struct {
    int32_t analysis;  /* N, samples of a frame */
    int32_t synthesis; /* samples of the synthesis window */
    int32_t hop;       /* synthesis / 2 */
    int32_t bins;      /* F = N / 2 + 1 */
    const int32_t *analysis_window_q31;  /* [analysis] */
    const int32_t *synthesis_window_q31; /* [synthesis] */
    const stapes_rfft_tables *rfft;
    int32_t power_shift;
    int32_t window_power_log2;
    int32_t synthesis_shift;
    int32_t feature_shift;
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
    int32_t features; /* STAPES_FEATURES_... */
    bool gain_input;
    int32_t log2_floor_q16;
    uint32_t bins_reciprocal_q32;
    int32_t level_shift;
    int32_t log_shift;
    int32_t log_clip_q20;
    int32_t compression_q31;
    int32_t compressed_clip_q20;
    int16_t mask_floor_q15;
    bool mask_on_noisy; /* features and mask are of the noisy spectrum, as if the Wiener gain were one */
    int32_t signal_shift;
    int32_t clear_octaves_q16;
    int32_t clear_run_shift;
} stapes_audio_params;

/* One stream. The arrays belong to the caller (STAPES_AUDIO_ARRAYS, STAPES_AUDIO_SCRATCH, STAPES_AUDIO_BIND); what
 * stands under "last frame" may be read between two calls.
 */
typedef struct {
    uint64_t *noise_q40;   /* [bins] noise power; in start-up the sum of the powers */
    int32_t *prior_q24;    /* [bins] gain^2 * gamma of the frame before */
    int32_t *spectrum_q31; /* [bins][2] last frame */
    int32_t *overlap_q25;  /* [hop] */
    int16_t *history_q15;  /* [analysis - hop] oldest first */
    uint16_t *gain_q15;    /* [bins] last frame */

    int32_t *windowed_q30;  /* [analysis] scratch */
    uint64_t *power_q40;    /* [bins] scratch, the same memory as windowed_q30 */
    int32_t *transform_q31; /* [2 * analysis] scratch */

    uint64_t signal_q40; /* running mean of the sum of power_q40; 0 before the first sound */
    int32_t startup_left;
    int32_t speech_run;
    int32_t level_q24;
    bool has_level;

    int32_t exponent;  /* last frame: left shift of its samples before the transform */
    int64_t score_q24; /* last frame: VAD statistic times bins */
    int32_t clarity_q15; /* last frame: how much of gain_q15 is a floor under the mask */
    bool silent;       /* last frame */
    bool speech;       /* last frame */
} stapes_audio_state;

/* The arrays of a stream, to the byte, for constant sizes. */
#define STAPES_AUDIO_ARRAYS(analysis, synthesis)      \
    struct {                                          \
        uint64_t noise_q40[(analysis) / 2 + 1];       \
        int32_t prior_q24[(analysis) / 2 + 1];        \
        int32_t spectrum_q31[(analysis) + 2];         \
        int32_t overlap_q25[(synthesis) / 2];         \
        int16_t history_q15[(analysis) - (synthesis) / 2]; \
        uint16_t gain_q15[(analysis) / 2 + 1];        \
    }

/* Those of a stream with a complex mask. */
#define STAPES_AUDIO_COMPLEX_ARRAYS(analysis, synthesis)   \
    struct {                                               \
        int32_t spectrum_q31[(analysis) + 2];              \
        int32_t overlap_q25[(synthesis) / 2];              \
        int16_t history_q15[(analysis) - (synthesis) / 2]; \
    }

/* Memory that is used within a call only: it may be shared with anything that is not used within one. */
#define STAPES_AUDIO_SCRATCH(analysis)                \
    struct {                                          \
        union {                                       \
            int32_t windowed_q30[(analysis)];         \
            uint64_t power_q40[(analysis) / 2 + 1];   \
        } first;                                      \
        int32_t transform_q31[2 * (analysis)];        \
    }

/* Points `state` (an lvalue) at its `arrays` and `scratch` (lvalues of the two types above). */
#define STAPES_AUDIO_BIND(state, arrays, scratch)              \
    do {                                                       \
        (state).noise_q40 = (arrays).noise_q40;                \
        (state).prior_q24 = (arrays).prior_q24;                \
        (state).spectrum_q31 = (arrays).spectrum_q31;          \
        (state).overlap_q25 = (arrays).overlap_q25;            \
        (state).history_q15 = (arrays).history_q15;            \
        (state).gain_q15 = (arrays).gain_q15;                  \
        (state).windowed_q30 = (scratch).first.windowed_q30;   \
        (state).power_q40 = (scratch).first.power_q40;         \
        (state).transform_q31 = (scratch).transform_q31;       \
    } while (0)

/* The same for a stream with a complex mask: its other arrays are null, and nobody reads them. */
#define STAPES_AUDIO_COMPLEX_BIND(state, arrays, scratch)      \
    do {                                                       \
        (state).noise_q40 = NULL;                              \
        (state).prior_q24 = NULL;                              \
        (state).spectrum_q31 = (arrays).spectrum_q31;          \
        (state).overlap_q25 = (arrays).overlap_q25;            \
        (state).history_q15 = (arrays).history_q15;            \
        (state).gain_q15 = NULL;                               \
        (state).windowed_q30 = (scratch).first.windowed_q30;   \
        (state).power_q40 = NULL;                              \
        (state).transform_q31 = (scratch).transform_q31;       \
    } while (0)

/* Back to the start of a stream, after silence. `state` is bound to its arrays. */
void stapes_audio_reset(const stapes_audio_params *p, stapes_audio_state *state);

/* block_q15[hop], the next samples -> features_q20[bins], or [2 * bins] with gain_input: the bins, then the gains.
 * features_q20 may be null where there is no network, and does not lie in the scratch.
 */
void stapes_audio_analyse(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *block_q15,
                          int32_t *features_q20);

/* mask_q15[bins], 0 to 32767, or null to leave the Wiener gain alone -> output_q15[hop]. Once after each analysis;
 * output_q15 may be the block that was analysed, and mask_q15 does not lie in the scratch.
 */
void stapes_audio_synthesise(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *mask_q15,
                             int16_t *output_q15);

/* block_q15[hop], the next samples -> features_q20[3 * bins]: magnitudes, real parts, imaginary parts. */
void stapes_audio_analyse_complex(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *block_q15,
                                  int32_t *features_q20);

/* mask_q15[2 * bins], real parts, then imaginary parts, or null for a mask of one -> output_q15[hop]. As above. */
void stapes_audio_synthesise_complex(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *mask_q15,
                                     int16_t *output_q15);

/* ---- between the path and the network --------------------------------------------------------------------------- */

/* A tensor of the network: feature_scaling, mask_scaling in quantize/audio_params.py. */
typedef struct {
    int32_t multiplier_q31;
    int32_t shift;
    int32_t zero_point;
    int32_t minimum; /* of the values of the input; of mask_q15 */
    int32_t maximum;
} stapes_audio_tensor;

/* features_q20[size] -> y[size], the network's input. */
void stapes_audio_quantise_s8(const stapes_audio_tensor *tensor, int32_t size, const int32_t *features_q20, int8_t *y);
void stapes_audio_quantise_s16(const stapes_audio_tensor *tensor, int32_t size, const int32_t *features_q20,
                               int16_t *y);

/* x[size], the network's output -> mask_q15[size]. */
void stapes_audio_mask_s8(const stapes_audio_tensor *tensor, int32_t size, const int8_t *x, int16_t *mask_q15);
void stapes_audio_mask_s16(const stapes_audio_tensor *tensor, int32_t size, const int16_t *x, int16_t *mask_q15);

/* ---- steps of the analysis, in order; the complex one is the first of them -------------------------------------- */

/* Slides the frame, transforms it: spectrum_q31, exponent. */
void stapes_audio_spectrum(const stapes_audio_params *p, stapes_audio_state *state, const int16_t *block_q15);

/* power_q40 of spectrum_q31. */
void stapes_audio_power(const stapes_audio_params *p, stapes_audio_state *state);

/* Gain and VAD of power_q40, then the noise. gain2_q30[bins] is the square of gain_q15. */
void stapes_audio_wiener(const stapes_audio_params *p, stapes_audio_state *state, int32_t *gain2_q30);

/* Features of power_q40 * gain2_q30. */
void stapes_audio_features(const stapes_audio_params *p, stapes_audio_state *state, const int32_t *gain2_q30,
                           int32_t *features_q20);

/* ---- the last step of the synthesis ------------------------------------------------------------------------------ */

/* transform_q31[bins][2], twice the spectrum that shall sound -> output_q15[hop]. Destroys transform_q31. */
void stapes_audio_overlap_add(const stapes_audio_params *p, stapes_audio_state *state, int16_t *output_q15);

#ifdef __cplusplus
}
#endif

#endif
