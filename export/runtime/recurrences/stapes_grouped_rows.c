#include "../arithmetic/stapes_intrinsics.h"
#include "../stapes_config.h"
#include "../stapes_core.h"
#include "stapes_gru_cell.h"

#if STAPES_CORTEX_M7

#include "../cortex_m7/stapes_cortex_m7_gru.h"

STAPES_NAKED static void rows_of_4(STAPES_UNUSED const int32_t *rows, STAPES_UNUSED int16_t *values,
                                   STAPES_UNUSED const int16_t *x, STAPES_UNUSED int32_t bytes,
                                   STAPES_UNUSED int32_t groups)
{
    __asm__ volatile(STAPES_GROUPED_ROWS_4_ASSEMBLY);
}

STAPES_NAKED static void rows_of_8(STAPES_UNUSED const int32_t *rows, STAPES_UNUSED int16_t *values,
                                   STAPES_UNUSED const int16_t *x, STAPES_UNUSED int32_t bytes,
                                   STAPES_UNUSED int32_t groups)
{
    __asm__ volatile(STAPES_GROUPED_ROWS_8_ASSEMBLY);
}

STAPES_NAKED static void rows_of_16(STAPES_UNUSED const int32_t *rows, STAPES_UNUSED int16_t *values,
                                    STAPES_UNUSED const int16_t *x, STAPES_UNUSED int32_t bytes,
                                    STAPES_UNUSED int32_t groups)
{
    __asm__ volatile(STAPES_GROUPED_ROWS_16_ASSEMBLY);
}

STAPES_HOT
void stapes_grouped_rows(const stapes_grouped_matrix *m, int32_t first, int32_t groups, const int16_t *x,
                         int16_t *values)
{
    const int32_t words = m->rows_per_group * (m->columns / 2 + 2);
    const int32_t *const rows = m->rows + first * words;
    if (m->columns == 4) {
        rows_of_4(rows, values, x, 4 * words, groups);
    } else if (m->columns == 8) {
        rows_of_8(rows, values, x, 4 * words, groups);
    } else {
        rows_of_16(rows, values, x, 4 * words, groups);
    }
}

#else

/* Two values in a word, the first one in its lower half. */
static inline int32_t pair_of(const int16_t *x)
{
    return (int32_t)((uint32_t)(uint16_t)x[0] | ((uint32_t)(uint16_t)x[1] << 16));
}

static inline int32_t low(int32_t both)
{
    return (int16_t)(uint16_t)((uint32_t)both & 0xFFFFu);
}
static inline int32_t high(int32_t both)
{
    return both >> 16;
}

/* Add two columns of four rows, `words` apart, from word `at` of the first row on. */
static inline void add_pair(const int32_t *row, int32_t words, int32_t at, const int16_t *x, int32_t *sums)
{
    const int32_t both = pair_of(x + 2 * (at - 1));
    const int32_t a = row[at], b = row[words + at], c = row[2 * words + at], d = row[3 * words + at];
    sums[0] += low(a) * low(both);
    sums[1] += low(b) * low(both);
    sums[2] += low(c) * low(both);
    sums[3] += low(d) * low(both);
    sums[0] += high(a) * high(both);
    sums[1] += high(b) * high(both);
    sums[2] += high(c) * high(both);
    sums[3] += high(d) * high(both);
}

/* Four rows at a time, so that a pair of columns is read once for them; 2, 4 or 8 pairs. */
static inline void rows_of(const int32_t *row, int32_t pairs, int32_t rows, const int16_t *x, int16_t *values)
{
    const int32_t words = pairs + 2;
    for (int32_t i = rows; i > 0; i -= 4) {
        int32_t sums[4] = {row[0], row[words], row[2 * words], row[3 * words]};
        const int32_t *const multipliers = row + pairs + 1;
        add_pair(row, words, 1, x, sums);
        add_pair(row, words, 2, x, sums);
        if (pairs > 2) {
            add_pair(row, words, 3, x, sums);
            add_pair(row, words, 4, x, sums);
        }
        if (pairs > 4) {
            add_pair(row, words, 5, x, sums);
            add_pair(row, words, 6, x, sums);
            add_pair(row, words, 7, x, sums);
            add_pair(row, words, 8, x, sums);
        }
        values[0] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[0], multipliers[0]));
        values[2] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[1], multipliers[words]));
        values[4] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[2], multipliers[2 * words]));
        values[6] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[3], multipliers[3 * words]));
        values += 8;
        row += 4 * words;
    }
}

STAPES_HOT
void stapes_grouped_rows(const stapes_grouped_matrix *m, int32_t first, int32_t groups, const int16_t *x,
                         int16_t *values)
{
    const int32_t rows = m->rows_per_group;
    const int32_t words = rows * (m->columns / 2 + 2);
    const int32_t *row = m->rows + first * words;
    for (int32_t group = 0; group < groups; group++) {
        if (m->columns == 4) {
            rows_of(row, 2, rows, x, values);
        } else if (m->columns == 8) {
            rows_of(row, 4, rows, x, values);
        } else {
            rows_of(row, 8, rows, x, values);
        }
        x += m->columns;
        values += 2 * rows;
        row += words;
    }
}

#endif
