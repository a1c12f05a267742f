#include "../arithmetic/stapes_arithmetic.h"
#include "stapes_rows.h"

enum { BLOCKS_AT_ONCE = 8 };

void stapes_outputs_s8(const stapes_matrix *m, int32_t block, int32_t outputs, int32_t low, int32_t high,
                       const int16_t *vector, int8_t *y)
{
    for (int32_t row = 0; row < outputs; row += 4 * BLOCKS_AT_ONCE) {
        int16_t values[4 * BLOCKS_AT_ONCE];
        const int32_t count = outputs - row < 4 * BLOCKS_AT_ONCE ? outputs - row : 4 * BLOCKS_AT_ONCE;
        stapes_rows(m, block + row / 4, (count + 3) / 4, vector, values);
        for (int32_t j = 0; j < count; j++) {
            y[row + j] = (int8_t)stapes_clamp(values[j], low, high);
        }
    }
}
