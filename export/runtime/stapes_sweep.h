#ifndef STAPES_SWEEP_H
#define STAPES_SWEEP_H

/* Rows of a packed matrix times many vectors, in portable C without vector instructions: the weights of a block are
 * unpacked once for all of them.
 */

#include "stapes_cortex_m7.h"
#include "stapes_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Vectors begin `x_step` values apart, their outputs `y_step`. A vector is `runs` runs of `run` values, `run_step` apart;
 * what fills the last group of a run up is read, but does not count.
 */
typedef struct {
    int32_t vectors;
    int32_t x_step, y_step;
    int32_t runs, run, run_step;
} stapes_sweep;

/* Columns of a matrix, and vectors from which on it pays. */
#define STAPES_SWEEP_COLUMNS 64
#define STAPES_SWEEP_VECTORS 4

static inline bool stapes_sweep_fits(const stapes_matrix *m, const stapes_sweep *over, int32_t low, int32_t high)
{
    return STAPES_CORTEX_M7 == 0 && STAPES_VECTORS == 0 && over->vectors >= STAPES_SWEEP_VECTORS &&
           m->rounding == STAPES_ONCE_HIGH && !m->sparse && STAPES_VECTOR_SIZE(m->inputs) <= STAPES_SWEEP_COLUMNS &&
           (over->runs == 1 || over->run % 4 == 0) && low == INT16_MIN && high == INT16_MAX;
}

/* y[vectors][outputs] = the outputs of the rows from 4 * block on; outputs are a multiple of 4. */
void stapes_sweep_s16(const stapes_matrix *m, const stapes_sweep *over, int32_t block, int32_t outputs, const int16_t *x,
                      int16_t *y);

#ifdef __cplusplus
}
#endif

#endif
