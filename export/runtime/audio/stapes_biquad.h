#ifndef STAPES_BIQUAD_H
#define STAPES_BIQUAD_H

/* A section of second order on a hop of sound, in direct form I. What the rounding of a sample cuts off is added to the next sum:
 * so the noise of rounding has a zero where the poles of low frequencies make it loudest.
 *
 * Samples, of 31 bits, are saturated; the magnitudes of b0, b1, b2, -a1, -a2 add up to less than 8, so that no sum leaves 64 bits.
 * The Python twin stands in firmware_sim/audio/equaliser.py.
 */

#include <stdint.h>

#include "../arithmetic/stapes_intrinsics.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STAPES_BIQUAD_REST 0x3FFFFFFFu

/* b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2, on what was left; x is the newest sample. */
static inline int64_t stapes_biquad_sum(const int32_t *coefficients_q30, uint32_t rest_q55, const int32_t *past_q25,
                                        int32_t x_q25)
{
    int64_t sum_q55 = (int64_t)rest_q55;
    sum_q55 += (int64_t)coefficients_q30[0] * x_q25;
    sum_q55 += (int64_t)coefficients_q30[1] * past_q25[0];
    sum_q55 += (int64_t)coefficients_q30[2] * past_q25[1];
    sum_q55 += (int64_t)coefficients_q30[3] * past_q25[2];
    sum_q55 += (int64_t)coefficients_q30[4] * past_q25[3];
    return sum_q55;
}

/* One sample; the past moves on. */
static inline int32_t stapes_biquad_sample(const int32_t *coefficients_q30, int32_t *past_q25, uint32_t *rest_q55,
                                           int32_t x_q25)
{
    const int64_t sum_q55 = stapes_biquad_sum(coefficients_q30, *rest_q55, past_q25, x_q25);
    const uint32_t low = (uint32_t)((uint64_t)sum_q55 & 0xFFFFFFFFu);
    const uint32_t high = (uint32_t)stapes_saturate_s29((int32_t)(sum_q55 >> 32));
    past_q25[1] = past_q25[0];
    past_q25[0] = x_q25;
    past_q25[3] = past_q25[2];
    past_q25[2] = (int32_t)((high << 2) | (low >> 30));
    *rest_q55 = low & STAPES_BIQUAD_REST;
    return past_q25[2];
}

/* sound_q25[hop] in its place, through one section: coefficients_q30[5], past_q25[4], one rest. */
void stapes_biquad(const int32_t *coefficients_q30, int32_t *past_q25, uint32_t *rest_q55, int32_t hop,
                   int32_t *sound_q25);

/* The same for pairs of samples, one or more. */
void stapes_biquad_pairs(const int32_t *coefficients_q30, int32_t *past_q25, uint32_t *rest_q55, int32_t *sound_q25,
                         int32_t pairs);

#ifdef __cplusplus
}
#endif

#endif
