#include "../arithmetic/stapes_intrinsics.h"
#include "../stapes_config.h"
#include "../stapes_core.h"
#include "stapes_gru_cell.h"

#if STAPES_CORTEX_M7

#include "../cortex_m7/stapes_cortex_m7_gru.h"

typedef char stapes_gru_cell_is_what_assembly_reads[sizeof(stapes_gru_cell) == 52u ? 1 : -1];

STAPES_NAKED void stapes_gru_cell_s16(STAPES_UNUSED const int16_t *terms, STAPES_UNUSED int16_t *h,
                                      STAPES_UNUSED int32_t units, STAPES_UNUSED const stapes_gru_cell *cell)
{
    __asm__ volatile(STAPES_GRU_CELL_ASSEMBLY);
}

#else

/* A position in the table of lines: three times the sum of the two terms. */
static inline int32_t position_of(int32_t x, int32_t h, uint32_t factors, int32_t power)
{
    const int32_t sum = x * (int32_t)(factors & 0xFFFFu) + h * (int32_t)(factors >> 16);
    return 3 * stapes_divide_high(sum, power);
}

static inline int32_t on_line(const uint32_t *lines, int32_t position, int32_t offset)
{
    const int32_t whole = position >> 8;
    const bool is_inside = whole >= -STAPES_GATE_LINES && whole < STAPES_GATE_LINES;
    const int32_t line = (int32_t)lines[is_inside ? whole : (whole >> 31) ^ (STAPES_GATE_LINES - 1)];
    const int32_t first = (int16_t)(uint16_t)((uint32_t)line & 0xFFFFu);
    const int32_t fraction = (int16_t)(uint16_t)((uint32_t)position & 0xFFFFu);
    return first * 256 + (line >> 16) * fraction + offset + (position >> 31);
}

/* round(a * b / 2^15) in the two steps of MUL. */
static inline int32_t product_q15(int32_t a, int32_t b)
{
    return (a * b + (b < 0 ? -1 : 1) + (1 << 14)) >> 15;
}

STAPES_HOT
void stapes_gru_cell_s16(const int16_t *terms, int16_t *h, int32_t units, const stapes_gru_cell *cell)
{
    const int32_t power = cell->power, n_power = cell->n_power;
    const int32_t offset = cell->offset, n_offset = cell->n_offset;
    for (int32_t i = 0; i < units; i++) {
        const int32_t r_position = position_of(terms[0], terms[1], cell->r_factors, power);
        const int32_t z_position = position_of(terms[2], terms[3], cell->z_factors, power);
        const int32_t r = (on_line(cell->lines, r_position, offset) >> 9) & INT16_MAX;
        const int32_t z = (on_line(cell->lines, z_position, offset) >> 9) & INT16_MAX;
        const int32_t n_position = position_of(terms[4], product_q15(r, terms[5]), cell->n_factors, n_power);
        const int32_t n = (int16_t)(uint16_t)((uint32_t)on_line(cell->n_lines, n_position, n_offset) >> 8);
        const int32_t twice_d = h[i] - n;
        const int32_t d = (twice_d + 1 + (twice_d >> 31)) >> 1;
        h[i] = (int16_t)stapes_saturate_s16(n + 2 * product_q15(z, d));
        terms += 6;
    }
}

#endif
