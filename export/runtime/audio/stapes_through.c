#include "stapes_through.h"

#include "../arithmetic/stapes_arithmetic.h"

void stapes_through(const stapes_through_params *p, const int32_t *spectrum_q31, int32_t *filtered)
{
    for (int32_t i = 0; i < 2 * p->bins; i++) {
        filtered[i] = stapes_shift_left(spectrum_q31[i], p->filtered_shift);
    }
}
