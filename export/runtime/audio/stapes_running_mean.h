#ifndef STAPES_RUNNING_MEAN_H
#define STAPES_RUNNING_MEAN_H

/* A running mean over frames. The Python twin stands in firmware_sim/audio/running_mean.py.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mean + (value - mean) * rate, rounded, half upwards; rate in 0..1. */
static inline int32_t stapes_running_mean_move(int32_t mean, int32_t value, int32_t rate_q31)
{
    const int64_t difference = (int64_t)value - mean;
    return mean + (int32_t)((difference * rate_q31 + ((int64_t)1 << 30)) >> 31);
}

#ifdef __cplusplus
}
#endif

#endif
