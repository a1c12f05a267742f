#include "stapes_neural_equaliser.h"

#include <stdbool.h>
#include <string.h>

#include "../layers/stapes_layers.h"
#include "../matrices/stapes_rows.h"
#include "stapes_white_box.h"

/* Columns of `operators`; equal to KINDS in quantize/audio/neural_equaliser.py. */
enum { KIND, X_1, X_2, Y, OUTPUTS, NUMBERS };
enum { PRODUCT, ADD, RELU, LOGISTIC };

static int16_t *latent(const stapes_neural_equaliser_params *p, const stapes_neural_equaliser_state *state,
                       int32_t which)
{
    return (int16_t *)&state->latents[which * (p->latents / 2)];
}

static int16_t *vector(const stapes_neural_equaliser_params *p, const stapes_neural_equaliser_state *state,
                       int32_t place)
{
    return place < 0 ? latent(p, state, state->used) : (int16_t *)state->memory + place;
}

static void product(const stapes_neural_equaliser_params *p, const int32_t *n, int32_t first, int32_t count,
                    const int16_t *x, int16_t *y)
{
    const stapes_matrix matrix = {
        n[0], &p->weights[n[1]], &p->rows[n[2]], n[5] != 0 ? STAPES_ONCE : STAPES_ONCE_HIGH, false, false};
    stapes_outputs_s16(&matrix, first / 4, count, n[3], n[4], x, y);
}

static void sum(const int32_t *n, int32_t count, const int16_t *x_1, const int16_t *x_2, int16_t *y)
{
    const stapes_add_params add = {n[0], n[1], n[2], n[3],  n[4],  n[5],      n[6],
                                   n[7], n[8], n[9], n[10], n[11], n[12] != 0};
    const stapes_broadcast over = {{1, 1, 1, count}, {0, 0, 0, 1}, {0, 0, 0, 1}};
    stapes_add_s16(&add, &over, x_1, x_2, y);
}

/* Outputs first ... first + count - 1 of an operator. */
static void run_part(const stapes_neural_equaliser_params *p, const stapes_neural_equaliser_state *state,
                     const int32_t *part)
{
    const int32_t *const op = &p->operators[part[0] * STAPES_STEERING_COLUMNS];
    const int32_t *const n = &op[NUMBERS];
    const int32_t first = part[1];
    const int32_t count = part[2];
    const int16_t *const x = vector(p, state, op[X_1]);
    int16_t *const y = vector(p, state, op[Y]) + first;
    if (op[KIND] == PRODUCT) {
        product(p, n, first, count, x, y);
    } else if (op[KIND] == ADD) {
        sum(n, count, x + first, vector(p, state, op[X_2]) + first, y);
    } else if (op[KIND] == RELU) {
        const stapes_relu_params relu = {n[0], n[1], n[2], n[3], n[4], n[5]};
        stapes_relu_s16(&relu, count, x + first, y);
    } else {
        const stapes_sigmoid_params sigmoid = {n[0], n[1], n[2] != 0};
        stapes_sigmoid_s16(&sigmoid, count, x + first, y);
    }
}

/* The equaliser as it is until a latent was computed. */
static void rest(const stapes_neural_equaliser_params *p, const stapes_neural_equaliser_state *state)
{
    (void)memcpy(state->told, p->rest, sizeof(stapes_steered_equaliser_controls));
}

/* What the network gave becomes controls. */
static void tell(const stapes_neural_equaliser_params *p, const stapes_neural_equaliser_state *state)
{
    const stapes_white_box_heads heads = {p->bands,
                                          p->frequency_scale_q31,
                                          vector(p, state, p->frequency),
                                          vector(p, state, p->gain),
                                          vector(p, state, p->quality),
                                          p->weight < 0 ? NULL : vector(p, state, p->weight)};
    stapes_steered_equaliser_controls controls;
    (void)memcpy(&controls, p->rest, sizeof controls);
    (void)stapes_white_box(&heads, &controls);
    (void)memcpy(state->told, &controls, sizeof controls);
}

/* Takes the latent that waits, where there is a whole one; whether the network has work. */
static bool has_work(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state)
{
    const volatile uint32_t *const changes = &state->changes;
    volatile int32_t *const waiting = &state->waiting;
    const int32_t found = *waiting;
    if (state->slice >= 0) {
        return true;
    }
    if (*changes % 2u != 0u || found == 0) {
        return false;
    }
    *waiting = 0;
    state->used = 1 - state->used;
    if (found == 2) {
        rest(p, state);
        return false;
    }
    state->slice = 0;
    return true;
}

static void steer(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state)
{
    if (p->slices == 0 || !has_work(p, state)) {
        return;
    }
    if (state->slice == p->slices) {
        tell(p, state);
        state->slice = -1;
        return;
    }
    for (int32_t part = state->slice > 0 ? p->ends[state->slice - 1] : 0; part < p->ends[state->slice]; part++) {
        run_part(p, state, &p->parts[3 * part]);
    }
    state->slice++;
}

static int32_t kind_of(const stapes_neural_equaliser_params *p, const stapes_neural_equaliser_state *state)
{
    const int16_t *const codes = latent(p, state, 1 - state->used);
    const size_t bytes = (size_t)p->latents * sizeof(int16_t);
    int32_t any = 0;
    if (memcmp(codes, latent(p, state, state->used), bytes) == 0) {
        return 0;
    }
    for (int32_t i = 0; i < p->latents; i++) {
        any |= codes[i];
    }
    return any != 0 ? 1 : 2;
}

void stapes_neural_equaliser_give(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state,
                                  const int32_t *latent_q20)
{
    volatile uint32_t *const changes = &state->changes;
    volatile int32_t *const waiting = &state->waiting;
    *changes = *changes + 1u;
    stapes_audio_quantise_s16(p->tensor, p->latents, latent_q20, latent(p, state, 1 - state->used));
    *waiting = kind_of(p, state);
    *changes = *changes + 1u;
}

void stapes_neural_equaliser_reset(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state)
{
    stapes_steered_equaliser_state glider = {state->coefficients_q30,
                                             state->past_q25,
                                             state->rest_q55,
                                             state->given,
                                             state->start_q16,
                                             state->target_q16,
                                             0};
    const size_t bytes = (size_t)p->latents * sizeof(int16_t);
    stapes_steered_equaliser_reset(p->glider, &glider);
    state->position_q30 = glider.position_q30;
    if (state->waiting == 0) {
        (void)memcpy(latent(p, state, 1 - state->used), latent(p, state, state->used), bytes);
    }
    (void)memset(latent(p, state, state->used), 0, bytes);
    state->waiting = kind_of(p, state);
    state->slice = -1;
    rest(p, state);
}

void stapes_neural_equaliser(const stapes_neural_equaliser_params *p, stapes_neural_equaliser_state *state,
                             int32_t *sound_q25)
{
    stapes_steered_equaliser_state glider = {
        state->coefficients_q30, state->past_q25,   state->rest_q55,    state->given,
        state->start_q16,        state->target_q16, state->position_q30};
    stapes_steered_equaliser_controls controls;
    steer(p, state);
    (void)memcpy(&controls, state->told, sizeof controls);
    stapes_steered_equaliser(p->glider, &glider, &controls, sound_q25);
    state->position_q30 = glider.position_q30;
}
