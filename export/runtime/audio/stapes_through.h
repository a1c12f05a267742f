#ifndef STAPES_THROUGH_H
#define STAPES_THROUGH_H

/* Stage `through`: the spectrum goes on as it is.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/through.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t filtered_shift;
} stapes_through_params;

/* spectrum_q31[F][2] -> filtered[F][2]. */
void stapes_through(const stapes_through_params *p, const int32_t *spectrum_q31, int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
