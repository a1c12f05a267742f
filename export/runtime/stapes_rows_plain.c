#include "stapes_arithmetic.h"
#include "stapes_rows.h"

void stapes_rows_plain(const stapes_matrix *m, const int16_t *weights, int32_t groups, int32_t block, int32_t blocks,
                       const int16_t *vector, int16_t *values)
{
    const int32_t *rows = m->rows + 9 * block;
    const int32_t low = m->narrow ? INT8_MIN : INT16_MIN;
    const int32_t high = m->narrow ? INT8_MAX : INT16_MAX;
    for (int32_t i = 0; i < blocks; i++) {
        const int32_t zero_point = stapes_rows_zero_point(rows[8]);
        int32_t sums[4];
        stapes_block_sums(weights, vector, groups, rows, 9, 1, sums);
        for (int32_t j = 0; j < 4; j++) {
            const int32_t shift = -stapes_rows_shift(rows[8], j);
            const int32_t scaled = m->rounding == STAPES_ONCE ? stapes_requantise_64(sums[j], rows[4 + j], shift)
                                                              : stapes_requantise_double(sums[j], rows[4 + j], shift);
            *values++ = (int16_t)stapes_clamp_offset(scaled, zero_point, low, high);
        }
        weights += 8 * groups;
        rows += 9;
    }
}
