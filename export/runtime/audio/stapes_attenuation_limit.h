#ifndef STAPES_ATTENUATION_LIMIT_H
#define STAPES_ATTENUATION_LIMIT_H

/* Stage `attenuation_limit`: a part of the noisy spectrum stays.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/attenuation_limit.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t filtered_shift;
    int32_t filtered_q31; /* the two parts, together 2^31 */
    int32_t noisy_q31;
} stapes_attenuation_limit_params;

/* spectrum_q31[F][2], the noisy one, filtered[F][2] -> filtered in its place. */
void stapes_attenuation_limit(const stapes_attenuation_limit_params *p, const int32_t *spectrum_q31, int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
