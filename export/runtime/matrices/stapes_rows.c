#include "../stapes_config.h"
#include "stapes_rows.h"
#include "stapes_sparse.h"

STAPES_HOT
static void whole_rows(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values)
{
    const int32_t groups = STAPES_VECTOR_SIZE(m->inputs) / 4;
    const int16_t *const weights = m->weights + 8 * groups * block;
    if (m->rounding == STAPES_ONCE_HIGH) {
        stapes_rows_once(weights, vector, groups, m->rows + 8 * block, values, blocks);
    } else if (m->rounding == STAPES_TWICE_HIGH) {
        stapes_rows_twice(weights, vector, groups, m->rows + 9 * block, values, blocks);
    } else {
        stapes_rows_plain(m, weights, groups, block, blocks, vector, values);
    }
}

STAPES_HOT
static void sparse_rows(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values)
{
    int32_t words = 11;
    if (m->rounding == STAPES_ONCE_HIGH) {
        words = 10; /* no shifts */
    }
    const int32_t *const rows = m->rows + words * block;
    const int32_t start = block == 0 ? 0 : m->rows[words * (block - 1) + 4];
    if (m->rounding == STAPES_ONCE_HIGH) {
        stapes_sparse_once(m->weights, vector, start, rows, values, blocks);
    } else if (m->rounding == STAPES_TWICE_HIGH) {
        stapes_sparse_twice(m->weights, vector, start, rows, values, blocks);
    } else {
        stapes_sparse_plain(m, vector, start, rows, values, blocks);
    }
}

STAPES_HOT
void stapes_rows(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values)
{
    if (m->sparse) {
        sparse_rows(m, block, blocks, vector, values);
    } else {
        whole_rows(m, block, blocks, vector, values);
    }
}
