#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_rows.h"

enum { BLOCKS_AT_ONCE = 8 };

void stapes_outputs_s16(const stapes_matrix *m, int32_t block, int32_t outputs, int32_t low, int32_t high,
                        const int16_t *vector, int16_t *y)
{
    /* Values are saturated to the limits of int16 already. */
    const int32_t whole = low == INT16_MIN && high == INT16_MAX ? outputs / 4 : 0;
    if (whole > 0) {
        stapes_rows(m, block, whole, vector, y);
    }
    for (int32_t row = 4 * whole; row < outputs; row += 4 * BLOCKS_AT_ONCE) {
        int16_t values[4 * BLOCKS_AT_ONCE];
        const int32_t count = outputs - row < 4 * BLOCKS_AT_ONCE ? outputs - row : 4 * BLOCKS_AT_ONCE;
        stapes_rows(m, block + row / 4, (count + 3) / 4, vector, values);
        for (int32_t j = 0; j < count; j++) {
            y[row + j] = (int16_t)stapes_clamp(values[j], low, high);
        }
    }
}
