#include "../stapes_config.h"
#include "stapes_rounding.h"

STAPES_HOT
void stapes_rows_plain(const stapes_matrix *m, const int16_t *weights, int32_t groups, int32_t block, int32_t blocks,
                       const int16_t *vector, int16_t *values)
{
    const int32_t *rows = m->rows + 9 * block;
    for (int32_t i = 0; i < blocks; i++) {
        int32_t sums[4];
        stapes_block_sums(weights, vector, groups, rows, 9, 1, sums);
        stapes_round_plain(m, sums, rows + 4, values);
        weights += 8 * groups;
        rows += 9;
        values += 4;
    }
}
