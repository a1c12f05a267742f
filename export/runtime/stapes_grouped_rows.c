#include "stapes_cortex_m7_gru.h"
#include "stapes_gru_cell.h"
#include "stapes_intrinsics.h"

#if STAPES_CORTEX_M7

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

void stapes_grouped_rows(const stapes_grouped_matrix *m, int32_t first, int32_t groups, const int16_t *x, int16_t *values)
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

void stapes_grouped_rows(const stapes_grouped_matrix *m, int32_t first, int32_t groups, const int16_t *x, int16_t *values)
{
    const int32_t pairs = m->columns / 2;
    const int32_t *row = m->rows + first * m->rows_per_group * (pairs + 2);
    for (int32_t group = 0; group < groups; group++) {
        for (int32_t i = 0; i < m->rows_per_group; i++) {
            int32_t sum = row[0];
            for (int32_t j = 0; j < pairs; j++) {
                sum += (int16_t)(row[1 + j] & 0xFFFF) * x[2 * j] + (row[1 + j] >> 16) * x[2 * j + 1];
            }
            *values = (int16_t)stapes_saturate_s16(stapes_high_product(sum, row[1 + pairs]));
            values += 2;
            row += pairs + 2;
        }
        x += m->columns;
    }
}

#endif
