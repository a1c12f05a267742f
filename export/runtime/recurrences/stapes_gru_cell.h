#ifndef STAPES_GRU_CELL_H
#define STAPES_GRU_CELL_H

/* The cell of a grouped GRU behind its matrices, and rows of those. */

#include "stapes_recurrences.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The curves of LOGISTIC and of TANH as straight lines over a position in units of 1/48 / 2^8; index is the position without
 * its 8 bits of fraction, from -STAPES_GATE_LINES on. With `first` the low halfword and `slope` the high one,
 *   256 * first + slope * (low halfword of the position)
 * is, but for multiples of 2^24, tanh(position / 48 / 2^8) * 2^23. The lines differ where the curves are flat.
 */
#define STAPES_GATE_LINES 256
extern const uint32_t stapes_gate_lines[2][2 * STAPES_GATE_LINES];

/* What the units of a cell share: first what the candidate needs, then what the gates need. Assembly reads it in this order.
 * `lines` points at position 0; `offset` rounds, and moves LOGISTIC from -1 .. 1 to 0 .. 1.
 */
typedef struct {
    uint32_t n_factors;
    int32_t n_power, n_unit, n_offset;
    const uint32_t *n_lines;
    int32_t one, half_q18;
    uint32_t r_factors, z_factors;
    int32_t power, unit, offset;
    const uint32_t *lines;
} stapes_gru_cell;

void stapes_gru_cell_begin(const stapes_gru_grouped_s16_params *p, stapes_gru_cell *cell);

/* h of some units, a multiple of 4, from terms[units][6]: xr, hr, xz, hz, xn, hn; all on boundaries of 4 bytes. */
void stapes_gru_cell_s16(const int16_t *terms, int16_t *h, int32_t units, const stapes_gru_cell *cell);

/* values[2 * rows] = the rows of `groups` groups from group `first` on, every second value; x[groups * columns] begins at
 * the first of these groups. x lies on a boundary of 4 bytes.
 */
void stapes_grouped_rows(const stapes_grouped_matrix *m, int32_t first, int32_t groups, const int16_t *x,
                         int16_t *values);

#ifdef __cplusplus
}
#endif

#endif
