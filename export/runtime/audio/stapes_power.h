#ifndef STAPES_POWER_H
#define STAPES_POWER_H

/* Stage `power`: of each bin of the spectrum, in units of the window.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/power.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t shift;
} stapes_power_params;

/* spectrum_q31[F][2] -> power_q40[F]. */
void stapes_power(const stapes_power_params *p, const int32_t *spectrum_q31, int32_t exponent, uint64_t *power_q40);

#ifdef __cplusplus
}
#endif

#endif
