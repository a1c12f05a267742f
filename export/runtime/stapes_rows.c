#include "stapes_rows.h"

void stapes_rows(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values)
{
    const int32_t groups = STAPES_VECTOR_SIZE(m->inputs) / 4;
    const int16_t *const weights = m->weights + 8 * groups * block;
    if (m->rounding == STAPES_ONCE_HIGH) {
        stapes_rows_once(weights, vector, groups, m->rows + 8 * block, values, blocks);
    } else if (m->rounding == STAPES_TWICE_HIGH) {
        stapes_rows_twice(weights, vector, groups, m->rows + 9 * block, values, blocks);
    } else {
        stapes_rows_plain(m, block, blocks, vector, values);
    }
}
