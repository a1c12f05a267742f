#include "stapes_unit_spectrum.h"

#include "stapes_audio_scalar.h"
#include "stapes_running_mean.h"

/* weight * 2^-exponent, with 11 bits and those of the mean's format besides. */
typedef struct {
    int32_t weight;
    int32_t exponent;
} over_mean;

static uint64_t power_of(const int32_t *spectrum_q31, int32_t k)
{
    const int64_t real = spectrum_q31[2 * k];
    const int64_t imag = spectrum_q31[2 * k + 1];
    return (uint64_t)(real * real + imag * imag);
}

/* round(x / 2^right), half upwards; right in 1..62. */
static int64_t round_right(int64_t x, int32_t right)
{
    return (x + ((int64_t)1 << (right - 1))) >> right;
}

/* The mean begins at its start, times the level of the sound relative to the usual one. */
static void begin(const stapes_unit_spectrum_params *p, stapes_unit_spectrum_state *state, int32_t factor_q16)
{
    const int64_t level_q20 = stapes_exp2_q20(-2 * factor_q16);
    for (int32_t k = 0; k < p->bins; k++) {
        const int32_t start_q31 = (int32_t)round_right(p->start_q31[k] * level_q20, 20);
        state->unit_mean_q31[k] = start_q31 > 1 ? start_q31 : 1;
    }
}

static void move_mean(const stapes_unit_spectrum_params *p, int32_t *mean_q31, uint64_t power, int32_t exponent)
{
    const int64_t root = (int64_t)stapes_isqrt_64(power);
    const int64_t magnitude_q31 = round_right(root * p->length_q30, 29 + exponent);
    const int32_t value_q31 = magnitude_q31 < INT32_MAX ? (int32_t)magnitude_q31 : INT32_MAX;
    const int32_t moved_q31 = stapes_running_mean_move(*mean_q31, value_q31, p->rate_q31);
    *mean_q31 = moved_q31 > 1 ? moved_q31 : 1;
}

/* Scale over the mean, or over its root. */
static over_mean divided(bool root, int32_t mean_q31, uint32_t scale_q28)
{
    const stapes_normal mean = stapes_normalise_32((uint32_t)mean_q31);
    uint32_t divisor;
    over_mean made;
    if (root) {
        const int32_t odd = mean.exponent & 1;
        divisor = stapes_isqrt(mean.mantissa >> odd);
        made.exponent = (mean.exponent + odd) / 2;
    } else {
        divisor = (mean.mantissa >> 16) + ((mean.mantissa >> 15) & 1u);
        made.exponent = mean.exponent;
    }
    made.weight = (int32_t)(((uint64_t)(0xFFFFFFFFu / divisor) * scale_q28) >> 17);
    return made;
}

void stapes_unit_spectrum_reset(const stapes_unit_spectrum_params *p, stapes_unit_spectrum_state *state)
{
    for (int32_t k = 0; k < p->bins; k++) {
        state->unit_mean_q31[k] = p->start_q31[k];
    }
}

void stapes_unit_spectrum(const stapes_unit_spectrum_params *p, stapes_unit_spectrum_state *state,
                          const int32_t *spectrum_q31, int32_t exponent, int32_t loud_q16, bool sound_begins,
                          int32_t *feat_spec_q20)
{
    /* log2 of the factor of the features: half of the level in amplitude. */
    const int32_t factor = p->level ? -loud_q16 >> 2 : 0;
    const uint32_t scale_q28 = (uint32_t)(((uint64_t)(uint32_t)p->scale_q28 *
                                           (uint32_t)stapes_exp2_q20(factor & 0xFFFF)) >>
                                          20);
    if (p->level && sound_begins) {
        begin(p, state, factor);
    }
    for (int32_t k = 0; k < p->bins; k++) {
        over_mean scale;
        int32_t shift;
        move_mean(p, &state->unit_mean_q31[k], power_of(spectrum_q31, k), exponent);
        scale = divided(p->root, state->unit_mean_q31[k], scale_q28);
        shift = 38 + exponent - (factor >> 16) + scale.exponent;
        feat_spec_q20[k] = (int32_t)round_right((int64_t)spectrum_q31[2 * k] * scale.weight, shift);
        feat_spec_q20[p->bins + k] = (int32_t)round_right((int64_t)spectrum_q31[2 * k + 1] * scale.weight, shift);
    }
}
