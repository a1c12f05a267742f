#include "stapes_rows.h"

static void whole_rows(const stapes_matrix *m, const int16_t *weights, int32_t groups, int32_t block, int32_t blocks,
                       const int16_t *vector, int16_t *values)
{
    if (m->rounding == STAPES_ONCE_HIGH) {
        stapes_rows_once(weights, vector, groups, m->rows + 8 * block, values, blocks);
    } else if (m->rounding == STAPES_TWICE_HIGH) {
        stapes_rows_twice(weights, vector, groups, m->rows + 9 * block, values, blocks);
    } else {
        stapes_rows_plain(m, weights, groups, block, blocks, vector, values);
    }
}

/* Blocks with the same band one behind the other, from `block` on, at most `most`. */
static int32_t alike(const uint16_t *bands, int32_t block, int32_t most)
{
    const uint16_t *const band = bands + 3 * block;
    int32_t count = 1;
    while (count < most && band[3 * count + 1] == band[1] && band[3 * count + 2] == band[2]) {
        count++;
    }
    return count;
}

void stapes_rows(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values)
{
    if (m->bands == NULL) {
        const int32_t groups = STAPES_VECTOR_SIZE(m->inputs) / 4;
        whole_rows(m, m->weights + 8 * groups * block, groups, block, blocks, vector, values);
        return;
    }
    int32_t done = 0;
    while (done < blocks) {
        const uint16_t *const band = m->bands + 3 * (block + done);
        const int32_t at = band[0];
        const int32_t first = band[1];
        const int32_t count = alike(m->bands, block + done, blocks - done);
        whole_rows(m, m->weights + 8 * at, band[2], block + done, count, vector + 4 * first, values + 4 * done);
        done += count;
    }
}
