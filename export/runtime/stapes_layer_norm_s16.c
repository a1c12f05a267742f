#include "stapes_elementwise.h"
#include "stapes_quick_s16.h"

static int32_t scaled_sum(const stapes_sum_params *p, int32_t sum)
{
    return stapes_saturate_s16(stapes_requantise_64(p->bias + p->weight * sum, p->multiplier_q31, p->shift));
}

static int32_t weighted_sum(const stapes_weighted_sum_params *p, const int16_t *x)
{
    int32_t sum = p->bias;
    for (int32_t i = 0; i < p->size; i++) {
        sum += (int32_t)p->weights[i] * (int32_t)x[i];
    }
    return stapes_saturate_s16(stapes_requantise_64(sum, p->multiplier_q31, p->shift));
}

static int32_t of_one(const stapes_weighted_sum_params *p, int32_t x)
{
    const int16_t value = (int16_t)x;
    return weighted_sum(p, &value);
}

enum { OCTAVES_AT_MOST = 32 };

/* The weighted sum of tanh(factor * m), one an octave. */
static int32_t coarse_gain(const stapes_layer_norm_s16_params *p, int32_t m)
{
    int16_t steps[OCTAVES_AT_MOST];
    for (int32_t i = 0; i < p->octave_count; i++) {
        const int32_t step = stapes_tanh(&p->steps, stapes_mul(&p->octaves, m, p->octaves_by[i]));
        steps[i] = (int16_t)stapes_mul(&p->weighted, step, p->weighted_by[i]);
    }
    return weighted_sum(&p->g, steps);
}

/* 1 / sqrt(v1) of the variance v of c1. */
static int32_t inverse_root(const stapes_layer_norm_s16_params *p, int32_t v, int32_t g)
{
    int16_t steps[OCTAVES_AT_MOST];
    const int32_t g_eps = of_one(&p->g_eps, g);
    const int32_t v1 = stapes_add(&p->v1, v, stapes_mul(&p->eps, g_eps, g_eps));
    for (int32_t i = 0; i < p->v_octave_count; i++) {
        steps[i] = (int16_t)stapes_tanh(&p->v_steps, stapes_mul(&p->v_octaves, v1, p->v_octaves_by[i]));
    }
    const int32_t y0 = weighted_sum(&p->y0, steps);
    const int32_t one = stapes_mul(&p->one, stapes_mul(&p->deviation, v1, y0), y0);
    return stapes_mul(&p->y, y0, of_one(&p->correction, one));
}

static int32_t sum_of(int32_t size, const int16_t *x)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < size; i++) {
        sum += x[i];
    }
    return sum;
}

/* y = c = x - mean; returns m, a measure of its size. */
static int32_t centre(const stapes_layer_norm_s16_params *p, const int16_t *x, int16_t *y)
{
    const stapes_add_params *const add = &p->c;
    const stapes_quick_scale scale_1 = stapes_quick_scale_of(add->multiplier_1_q31, add->shift_1, add->left_shift);
    const stapes_quick_scale scale_2 = stapes_quick_scale_of(add->multiplier_2_q31, add->shift_2, add->left_shift);
    const int32_t power = stapes_quick_power(add->output_shift);
    const int32_t multiplier = add->output_multiplier_q31;
    const int32_t size = p->size;
    const int32_t twice_2 = 2 * stapes_quick_rescale(&scale_2, scaled_sum(&p->minus_mean, sum_of(size, x)));
    int32_t positive = 0;
    if (stapes_quick_is_exact(add->multiplier_1_q31, add->shift_1)) {
        for (int32_t i = 0; i < size; i++) {
            const int32_t c = stapes_quick_twice_sum(multiplier, power, x[i] * (1 << 15) + twice_2);
            positive += c & ~(c >> 31);
            y[i] = (int16_t)c;
        }
    } else {
        for (int32_t i = 0; i < size; i++) {
            const int32_t twice_1 = 2 * stapes_quick_rescale(&scale_1, x[i]);
            const int32_t c = stapes_quick_twice_sum(multiplier, power, twice_1 + twice_2);
            positive += c & ~(c >> 31);
            y[i] = (int16_t)c;
        }
    }
    return scaled_sum(&p->m, positive);
}

/* y = c1 = c * g; returns its variance. */
static int32_t gain(const stapes_layer_norm_s16_params *p, int32_t g, int16_t *y)
{
    const int32_t multiplier = p->c1.multiplier_q31;
    const int32_t power = stapes_quick_power(p->c1.shift);
    const int32_t size = p->size;
    int64_t sum = 0;
    if (g == INT16_MIN) {
        for (int32_t i = 0; i < size; i++) {
            y[i] = (int16_t)stapes_quick_mul_s16(multiplier, power, y[i], g);
            sum += y[i] * y[i];
        }
    } else {
        for (int32_t i = 0; i < size; i++) {
            const int16_t c1 = (int16_t)stapes_quick_mul_twice(multiplier, power, y[i], 2 * g);
            sum += c1 * c1;
            y[i] = c1;
        }
    }
    return stapes_clamp(stapes_requantise_64(sum, p->v.multiplier_q31, p->v.shift), p->v.output_min, p->v.output_max);
}

/* Whether `scale_exact` computes `out`: the product with gamma is exact on the common scale, beta is shifted right there. */
static bool is_exact(const stapes_add_params *out)
{
    return stapes_quick_is_exact(out->multiplier_1_q31, out->shift_1) && out->left_shift == 15 && out->shift_2 <= -2;
}

/* y = y * deviation * gamma + beta. */
static void scale_exact(const stapes_layer_norm_s16_params *p, int32_t twice_deviation, int16_t *y)
{
    const stapes_add_params *const add = &p->out;
    const int32_t power = stapes_quick_power(add->output_shift);
    const int32_t power_2 = stapes_quick_power(add->shift_2);
    const int32_t power_normalised = stapes_quick_power(p->normalised.shift);
    const int32_t power_scaled = stapes_quick_power(p->scaled.shift);
    const int32_t size = p->size;
    for (int32_t i = 0; i < size; i++) {
        const int32_t normalised =
            stapes_quick_mul_twice(p->normalised.multiplier_q31, power_normalised, y[i], twice_deviation);
        const int32_t scaled =
            stapes_quick_mul_twice(p->scaled.multiplier_q31, power_scaled, normalised, 2 * p->scaled_by[i]);
        const int32_t common_2 =
            stapes_divide_high(stapes_high_product(p->out_by[i] * (1 << 16), add->multiplier_2_q31), power_2);
        y[i] = (int16_t)stapes_quick_twice_sum(add->output_multiplier_q31, power, scaled * (1 << 15) + 2 * common_2);
    }
}

/* The same for any scales and deviations. */
static void scale_any(const stapes_layer_norm_s16_params *p, int32_t deviation, int16_t *y)
{
    for (int32_t i = 0; i < p->size; i++) {
        const int32_t normalised = stapes_mul(&p->normalised, y[i], deviation);
        const int32_t scaled = stapes_mul(&p->scaled, normalised, p->scaled_by[i]);
        y[i] = (int16_t)stapes_add(&p->out, scaled, p->out_by[i]);
    }
}

static void scale(const stapes_layer_norm_s16_params *p, int32_t deviation, int16_t *y)
{
    if (deviation > INT16_MIN && is_exact(&p->out)) {
        scale_exact(p, 2 * deviation, y);
    } else {
        scale_any(p, deviation, y);
    }
}

void stapes_layer_norm_s16(const stapes_layer_norm_s16_params *p, const int16_t *x, int16_t *y)
{
    const int32_t g = coarse_gain(p, centre(p, x, y));
    scale(p, inverse_root(p, gain(p, g, y), g), y);
}
