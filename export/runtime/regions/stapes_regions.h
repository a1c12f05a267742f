#ifndef STAPES_REGIONS_H
#define STAPES_REGIONS_H

/* Other regions that are one kernel, with the bits of their operators one by one. */

#include "../layers/stapes_layers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Other fused regions -------------------------------------------------------------------------------------- */

/* A sum of squares in 64 bits, requantised by requantise_64. */
typedef struct {
    int32_t multiplier_q31, shift;
    int32_t output_min, output_max;
} stapes_square_sum_params;

typedef struct {
    int32_t rows, channels;
    int32_t multiplier_q31, shift;
    int32_t output_min, output_max;
} stapes_energy_s16_params;

/* y[channels] = requantise_64(sum over rows of x[rows][channels]^2). */
void stapes_energy_s16(const stapes_energy_s16_params *p, const int16_t *x, int16_t *y);

/* A line to each side of zero: words[size][3] are bias, both weights as halfwords, multiplier. */
typedef struct {
    int32_t size;
    const int32_t *words;
} stapes_two_lines_s16_params;

/* y = high_product(bias + lower weight * x + upper weight * max(x, 0), multiplier), saturated; y may be x. */
void stapes_two_lines_s16(const stapes_two_lines_s16_params *p, const int16_t *x, int16_t *y);

/* FULLY_CONNECTED of int16 with one output and a 64-bit bias, whose weights are all equal, or not. */
typedef struct {
    int32_t weight;
    int32_t bias, multiplier_q31, shift;
} stapes_sum_params;

typedef struct {
    const int8_t *weights; /* [size] */
    int32_t size;
    int32_t bias, multiplier_q31, shift;
} stapes_weighted_sum_params;

/* LayerNorm over all values at once, without a square root; the members are the operators whose outputs have their names,
 * in the order of export/c/layer_norm.py: c = x - mean, g a coarse gain, c1 = c g, v1 the variance of c1, y = 1 / sqrt(v1) by
 * one Newton step from y0. `..._by` is the constant second operand of that operator.
 */
typedef struct {
    int32_t size;
    stapes_sum_params minus_mean;
    stapes_add_params c;
    stapes_sum_params m;
    stapes_mul_params octaves;
    const int16_t *octaves_by; /* [octave_count] */
    stapes_sigmoid_params steps;
    stapes_mul_params weighted;
    const int16_t *weighted_by; /* [octave_count] */
    stapes_weighted_sum_params g;
    stapes_mul_params c1;
    stapes_square_sum_params v;
    stapes_weighted_sum_params g_eps;
    stapes_mul_params eps;
    stapes_add_params v1;
    stapes_mul_params v_octaves;
    const int16_t *v_octaves_by; /* [v_octave_count] */
    stapes_sigmoid_params v_steps;
    stapes_weighted_sum_params y0;
    stapes_mul_params deviation, one;
    stapes_weighted_sum_params correction;
    stapes_mul_params y, normalised, scaled;
    const int16_t *scaled_by; /* gamma[size] */
    stapes_add_params out;
    const int32_t *twice_beta; /* [size], on the common scale of `out` */
    int32_t octave_count, v_octave_count;
} stapes_layer_norm_s16_params;

/* y[size] of x[size]; y holds what lies between. */
void stapes_layer_norm_s16(const stapes_layer_norm_s16_params *p, const int16_t *x, int16_t *y);

/* One table of a function of one value: 257 cells of 256 codes of x, which it sees times a multiplier and saturated. */
typedef struct {
    const int16_t *base, *slope; /* [257] */
    int32_t fine_multiplier_q31, fine_shift;
    int32_t rise_multiplier_q31, rise_shift;
} stapes_curve_level;

/* A function of one value: the sum of the first `count` tables, or twice that. */
typedef struct {
    stapes_curve_level first, second, third;
    int32_t count;
    int32_t doubled;
} stapes_curve_params;

/* y[size] of x[size]; y may be x. */
void stapes_curve_s16(const stapes_curve_params *p, int32_t size, const int16_t *x, int16_t *y);

typedef struct {
    int32_t frames;                       /* in the history */
    int32_t frame_size;                   /* values in a frame */
    int32_t first_tap, taps, tap_step;    /* frames that are looked at; number `frames` is the new one */
} stapes_history_params;

/* taps[taps][frame_size] of history[frames][frame_size] with the new frame behind it; history_out is that without its
 * oldest frame, and may be history.
 */
void stapes_history_s8(const stapes_history_params *p, const int8_t *history, const int8_t *frame, int8_t *taps,
                       int8_t *history_out);
void stapes_history_s16(const stapes_history_params *p, const int16_t *history, const int16_t *frame, int16_t *taps,
                        int16_t *history_out);

/* frames[frames + 1][frame_size] without their oldest one, with the new frame behind them: a history that lies with its newest
 * frame.
 */
void stapes_history_frames_s8(const stapes_history_params *p, const int8_t *frame, int8_t *frames);
void stapes_history_frames_s16(const stapes_history_params *p, const int16_t *frame, int16_t *frames);

#ifdef __cplusplus
}
#endif

#endif
