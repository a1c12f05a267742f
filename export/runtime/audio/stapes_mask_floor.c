#include "stapes_mask_floor.h"

#include <stddef.h>

void stapes_mask_floor(const stapes_mask_floor_params *p, const stapes_mask_floor_controls *controls, int16_t *mask_q15)
{
    const int16_t floor_q15 = controls->floor_q15 < INT16_MAX ? (int16_t)controls->floor_q15 : INT16_MAX;
    if (mask_q15 == NULL || floor_q15 == 0) {
        return;
    }
    for (int32_t k = 0; k < p->bins; k++) {
        mask_q15[k] = mask_q15[k] > floor_q15 ? mask_q15[k] : floor_q15;
    }
}
