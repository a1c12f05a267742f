#ifndef STAPES_MASK_FLOOR_H
#define STAPES_MASK_FLOOR_H

/* Stage `mask_floor`: a floor under the mask that may change while the device runs.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/mask_floor.py. */
typedef struct {
    int32_t bins; /* F */
} stapes_mask_floor_params;

typedef struct {
    int32_t floor_q15;
} stapes_mask_floor_controls;

/* mask_q15[F], which may be null -> mask_q15 in its place. */
void stapes_mask_floor(const stapes_mask_floor_params *p, const stapes_mask_floor_controls *controls,
                       int16_t *mask_q15);

#ifdef __cplusplus
}
#endif

#endif
