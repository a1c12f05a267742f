#include "stapes_post_filter.h"

#include "stapes_audio_scalar.h"

#define ONE_Q30 (1 << 30)

static stapes_normal power(const int32_t *bin)
{
    const uint64_t real = (uint64_t)((int64_t)bin[0] * bin[0]);
    const uint64_t imag = (uint64_t)((int64_t)bin[1] * bin[1]);
    return stapes_normalise(real + imag);
}

/* min(|filtered| / |spectrum|, 1)^2; where the spectrum is zero one. */
static int32_t ratio_q30(const stapes_post_filter_params *p, const int32_t *spectrum_q31, const int32_t *filtered)
{
    const stapes_normal noisy = power(spectrum_q31);
    stapes_normal made = power(filtered);
    if (noisy.mantissa == 0u) {
        return ONE_Q30;
    }
    made.exponent -= 2 * p->filtered_shift;
    return stapes_ratio(made, noisy, 30, ONE_Q30);
}

static int32_t doubled(int32_t x)
{
    return x < ONE_Q30 ? 2 * x : INT32_MAX;
}

/* (1 + beta) s / (s + beta), s = sin(pi g / 2)^2 as a series in v = g^2. */
static int32_t factor_q31(const stapes_post_filter_params *p, int32_t ratio)
{
    const int32_t ratio_q31 = doubled(ratio);
    int32_t sum_q28 = 0;
    int32_t square_q28;
    int32_t factor_q28;
    for (int32_t n = 0; n < p->terms; n++) {
        sum_q28 = stapes_shift_left(stapes_multiply_high(sum_q28, ratio_q31), 1) + p->series_q28[n];
    }
    square_q28 = stapes_multiply_high(sum_q28, ratio_q31) * 2;
    factor_q28 = stapes_multiply_high(stapes_ratio(stapes_normalise_32((uint32_t)square_q28),
                                                   stapes_normalise_32((uint32_t)(square_q28 + p->beta_q28)), 30,
                                                   ONE_Q30),
                                      p->above_q30);
    return factor_q28 < 1 << 28 ? factor_q28 * 8 : INT32_MAX;
}

void stapes_post_filter(const stapes_post_filter_params *p, const int32_t *spectrum_q31, int32_t *filtered)
{
    for (int32_t n = 0; n < 2 * (p->bins - 1); n += 2) {
        const int32_t ratio = ratio_q30(p, &spectrum_q31[n], &filtered[n]);
        if (ratio < ONE_Q30) {
            const int32_t factor = factor_q31(p, ratio);
            filtered[n] = stapes_shift_left(stapes_multiply_high(filtered[n], factor), 1);
            filtered[n + 1] = stapes_shift_left(stapes_multiply_high(filtered[n + 1], factor), 1);
        }
    }
}
