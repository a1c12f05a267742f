#ifndef STAPES_NEURAL_EQUALISER_H
#define STAPES_NEURAL_EQUALISER_H

/* Stage `neural_equaliser`: a steered equaliser with its network inside, of which a hop runs one slice.
 */

#include <stdint.h>

#include "stapes_audio.h"
#include "stapes_steered_equaliser.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers of an operator. */
#define STAPES_STEERING_COLUMNS 18

/* Explained in quantize/audio/neural_equaliser.py. Weights and rows lie as stapes_matrix has them: the numbers of a product are
 * columns, where its weights and its rows begin, low and high, and whether rows have shifts.
 */
typedef struct {
    int32_t latents;   /* L, an even number */
    int32_t bands;     /* K */
    int32_t frequency; /* where the heads begin in memory */
    int32_t gain;
    int32_t quality;
    int32_t weight; /* -1 where there is none */
    int32_t frequency_scale_q31;
    int32_t slices;
    const int32_t *operators; /* [O][STAPES_STEERING_COLUMNS] */
    const int32_t *parts;     /* [P][3] operator, first output, outputs */
    const int32_t *ends;      /* [slices] the part behind each */
    const int16_t *weights;
    const int32_t *rows;
    const int32_t *rest; /* [3][STAPES_STEERED_BANDS] controls of the equaliser without a latent */
    const stapes_audio_tensor *tensor;
    const stapes_steered_equaliser_params *glider;
} stapes_neural_equaliser_params;

typedef struct {
    int32_t *latents;          /* [2][L] codes of int16, two in a word: that in use, and the other one */
    int32_t *memory;           /* vectors of the network, two values of int16 in a word */
    int32_t *told;             /* [3][STAPES_STEERED_BANDS] controls of the equaliser */
    int32_t *coefficients_q30; /* from here on as stapes_steered_equaliser_state has it */
    int32_t *past_q25;
    uint32_t *rest_q55;
    int32_t *given;
    int32_t *start_q16;
    int32_t *target_q16;
    int32_t position_q30;
    uint32_t changes; /* odd while a latent is written */
    int32_t waiting;  /* the other latent: 0 was taken, 1 waits, 2 waits and is zeros alone */
    int32_t used;     /* which latent is in use */
    int32_t slice;    /* the one that comes next, -1 where the network rests */
} stapes_neural_equaliser_state;

/* A latent that was given stays, and is computed anew. */
void stapes_neural_equaliser_reset(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state);

/* latent_q20[L], |value| <= 2^26: taken when the network has done with the one before. The stage may interrupt this function, or be
 * interrupted by it.
 */
void stapes_neural_equaliser_give(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state,
                                  const int32_t *latent_q20);

/* sound_q25[hop] in its place, as in stapes_steered_equaliser. */
void stapes_neural_equaliser(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state,
                             int32_t *sound_q25);

#ifdef __cplusplus
}
#endif

#endif
