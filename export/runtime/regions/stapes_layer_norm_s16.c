#include "../layers/stapes_elementwise.h"
#include "../layers/stapes_quick_s16.h"
#include "stapes_regions.h"

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

/* Values that a turn of the loops takes: what surrounds them costs as much as one of them. */
enum { OCTAVES_AT_MOST = 32, AT_ONCE = 4 };

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

static uint32_t pair_at(const int16_t *x)
{
    return (uint32_t)(uint16_t)x[0] | ((uint32_t)(uint16_t)x[1] << 16);
}

static int32_t sum_of(int32_t size, const int16_t *x)
{
    const int16_t *const end = x + size;
    const int16_t *const last = x + size / AT_ONCE * AT_ONCE;
    int32_t sum = 0;
    while (x != last) {
        sum = stapes_add_dual_product(sum, pair_at(x), 0x00010001u);
        sum = stapes_add_dual_product(sum, pair_at(x + 2), 0x00010001u);
        x += AT_ONCE;
    }
    while (x != end) {
        sum += *x++;
    }
    return sum;
}

typedef struct {
    int32_t multiplier, power, twice_2;
} centring;

/* The next value of y = c; returns `positive` with it. */
static inline int32_t centre_one(const centring *by, int32_t twice_1, int16_t *y, int32_t positive)
{
    const int32_t c = stapes_quick_twice_sum(by->multiplier, by->power, twice_1 + by->twice_2);
    *y = (int16_t)c;
    return positive + (c & ~(c >> 31));
}

static int32_t centre_exact(const centring *by, int32_t size, const int16_t *x, int16_t *y)
{
    const int16_t *const end = x + size;
    const int16_t *const last = x + size / AT_ONCE * AT_ONCE;
    int32_t positive = 0;
    while (x != last) {
        positive = centre_one(by, x[0] * (1 << 15), y, positive);
        positive = centre_one(by, x[1] * (1 << 15), y + 1, positive);
        positive = centre_one(by, x[2] * (1 << 15), y + 2, positive);
        positive = centre_one(by, x[3] * (1 << 15), y + 3, positive);
        x += AT_ONCE;
        y += AT_ONCE;
    }
    while (x != end) {
        positive = centre_one(by, *x++ * (1 << 15), y++, positive);
    }
    return positive;
}

/* y = c = x - mean; returns m, a measure of its size. */
static int32_t centre(const stapes_layer_norm_s16_params *p, const int16_t *x, int16_t *y)
{
    const stapes_add_params *const add = &p->c;
    const stapes_quick_scale scale_1 = stapes_quick_scale_of(add->multiplier_1_q31, add->shift_1, add->left_shift);
    const stapes_quick_scale scale_2 = stapes_quick_scale_of(add->multiplier_2_q31, add->shift_2, add->left_shift);
    const int32_t mean = scaled_sum(&p->minus_mean, sum_of(p->size, x));
    const centring by = {add->output_multiplier_q31, stapes_quick_power(add->output_shift),
                         2 * stapes_quick_rescale(&scale_2, mean)};
    int32_t positive = 0;
    if (stapes_quick_is_exact(add->multiplier_1_q31, add->shift_1)) {
        positive = centre_exact(&by, p->size, x, y);
    } else {
        for (int32_t i = 0; i < p->size; i++) {
            positive = centre_one(&by, 2 * stapes_quick_rescale(&scale_1, x[i]), y + i, positive);
        }
    }
    return scaled_sum(&p->m, positive);
}

/* The next value of y = c1; returns `sum` with its square. */
static inline int64_t gain_one(int32_t multiplier, int32_t power, int32_t twice_g, int16_t *y, int64_t sum)
{
    const int32_t c1 = stapes_quick_mul_twice(multiplier, power, *y, twice_g);
    *y = (int16_t)c1;
    return stapes_add_low_square(sum, (uint32_t)c1);
}

static int64_t gain_all(const stapes_mul_params *c1, int32_t twice_g, int32_t size, int16_t *y)
{
    const int32_t multiplier = c1->multiplier_q31;
    const int32_t power = stapes_quick_power(c1->shift);
    const int16_t *const end = y + size;
    const int16_t *const last = y + size / AT_ONCE * AT_ONCE;
    int64_t sum = 0;
    while (y != last) {
        sum = gain_one(multiplier, power, twice_g, y, sum);
        sum = gain_one(multiplier, power, twice_g, y + 1, sum);
        sum = gain_one(multiplier, power, twice_g, y + 2, sum);
        sum = gain_one(multiplier, power, twice_g, y + 3, sum);
        y += AT_ONCE;
    }
    while (y != end) {
        sum = gain_one(multiplier, power, twice_g, y++, sum);
    }
    return sum;
}

/* y = c1 = c * g; returns its variance. */
static int32_t gain(const stapes_layer_norm_s16_params *p, int32_t g, int16_t *y)
{
    int64_t sum = 0;
    if (g == INT16_MIN) {
        const int32_t power = stapes_quick_power(p->c1.shift);
        for (int32_t i = 0; i < p->size; i++) {
            y[i] = (int16_t)stapes_quick_mul_s16(p->c1.multiplier_q31, power, y[i], g);
            sum += y[i] * y[i];
        }
    } else {
        sum = gain_all(&p->c1, 2 * g, p->size, y);
    }
    return stapes_clamp(stapes_requantise_64(sum, p->v.multiplier_q31, p->v.shift), p->v.output_min, p->v.output_max);
}

/* What multiplies and adds all values: multiplier and power of each operator. */
typedef struct {
    int32_t twice_deviation;
    int32_t normalised, power_normalised;
    int32_t scaled, power_scaled;
    int32_t out, power;
} scaling;

static inline int16_t scale_one(const scaling *by, int32_t c1, int32_t gamma, int32_t twice_beta)
{
    const int32_t normalised = stapes_quick_mul_twice(by->normalised, by->power_normalised, c1, by->twice_deviation);
    const int32_t scaled = stapes_quick_mul_twice(by->scaled, by->power_scaled, normalised, 2 * gamma);
    return (int16_t)stapes_quick_twice_sum(by->out, by->power, scaled * (1 << 15) + twice_beta);
}

/* y = y * deviation * gamma + beta where the product with gamma is exact on the common scale. */
static void scale_exact(const stapes_layer_norm_s16_params *p, int32_t twice_deviation, int16_t *y)
{
    const scaling by = {twice_deviation,
                        p->normalised.multiplier_q31,
                        stapes_quick_power(p->normalised.shift),
                        p->scaled.multiplier_q31,
                        stapes_quick_power(p->scaled.shift),
                        p->out.output_multiplier_q31,
                        stapes_quick_power(p->out.output_shift)};
    const int16_t *gamma = p->scaled_by;
    const int32_t *twice_beta = p->twice_beta;
    const int16_t *const end = y + p->size;
    const int16_t *const last = y + p->size / AT_ONCE * AT_ONCE;
    while (y != last) {
        y[0] = scale_one(&by, y[0], gamma[0], twice_beta[0]);
        y[1] = scale_one(&by, y[1], gamma[1], twice_beta[1]);
        y[2] = scale_one(&by, y[2], gamma[2], twice_beta[2]);
        y[3] = scale_one(&by, y[3], gamma[3], twice_beta[3]);
        y += AT_ONCE;
        gamma += AT_ONCE;
        twice_beta += AT_ONCE;
    }
    while (y != end) {
        *y = scale_one(&by, *y, *gamma++, *twice_beta++);
        y++;
    }
}

/* The same for any scales and deviations. */
static void scale_any(const stapes_layer_norm_s16_params *p, int32_t deviation, int16_t *y)
{
    const stapes_add_params *const out = &p->out;
    const int32_t power = stapes_quick_power(out->output_shift);
    for (int32_t i = 0; i < p->size; i++) {
        const int32_t normalised = stapes_mul(&p->normalised, y[i], deviation);
        const int32_t scaled = stapes_mul(&p->scaled, normalised, p->scaled_by[i]);
        const int32_t common = stapes_requantise_double(stapes_shift_left(scaled, out->left_shift),
                                                        out->multiplier_1_q31, out->shift_1);
        y[i] = (int16_t)stapes_quick_twice_sum(out->output_multiplier_q31, power, 2 * common + p->twice_beta[i]);
    }
}

static void scale(const stapes_layer_norm_s16_params *p, int32_t deviation, int16_t *y)
{
    if (deviation > INT16_MIN && stapes_quick_is_exact(p->out.multiplier_1_q31, p->out.shift_1)) {
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
