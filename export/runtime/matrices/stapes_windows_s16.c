#include "stapes_matrices.h"
#include "stapes_windows.h"

void stapes_windows_s16(const stapes_windows_params *p, const int16_t *x, int16_t *y)
{
    stapes_window_rows(p->words, x + p->first, p->turns, p->blocks, y + p->first_output, p->step, p->output_step,
                       p->positions);
}
