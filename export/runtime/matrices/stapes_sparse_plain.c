#include "../stapes_config.h"
#include "stapes_rounding.h"
#include "stapes_sparse.h"

STAPES_HOT
void stapes_sparse_plain(const stapes_matrix *m, const int16_t *x, int32_t start, const int32_t *rows, int16_t *values,
                         int32_t blocks)
{
    int32_t at = start;
    for (int32_t first = 0; first < blocks; first += STAPES_BLOCKS_AT_ONCE) {
        int32_t sums[4 * STAPES_BLOCKS_AT_ONCE];
        const int32_t left = blocks - first;
        const int32_t count = left < STAPES_BLOCKS_AT_ONCE ? left : STAPES_BLOCKS_AT_ONCE;
        at = stapes_sparse_sums(m->weights, at, x, rows, 11, count, sums);
        for (int32_t block = 0; block < count; block++) {
            stapes_round_plain(m, sums + 4 * block, rows + 11 * block + 6, values + 4 * block);
        }
        rows += 11 * count;
        values += 4 * count;
    }
}
