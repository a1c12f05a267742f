#include "stapes_gru_cell.h"

void stapes_gru_cell_begin(const stapes_gru_grouped_s16_params *p, stapes_gru_cell *cell)
{
    cell->n_factors = p->n_factors;
    cell->n_power = p->power;
    cell->n_unit = 1 << 8;
    cell->n_offset = 1 << 7;
    cell->n_lines = stapes_gate_lines[1] + STAPES_GATE_LINES;
    cell->one = 1;
    cell->half_q18 = 1 << 17;
    cell->r_factors = p->r_factors;
    cell->z_factors = p->z_factors;
    cell->power = p->power;
    cell->unit = 1 << 8;
    cell->offset = (1 << 23) + (1 << 8);
    cell->lines = stapes_gate_lines[0] + STAPES_GATE_LINES;
}
