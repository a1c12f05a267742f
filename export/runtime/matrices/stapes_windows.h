#ifndef STAPES_WINDOWS_H
#define STAPES_WINDOWS_H

/* Rows of weights times windows of a vector: what CONV_2D over one row of positions is made of. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[positions][output_step], of which 4 * blocks are written, of x[positions] windows that begin `step` values one behind
 * the other and have 8 * turns values, 1 to 8 turns. x and the words lie on boundaries of 4 bytes.
 */
void stapes_window_rows(const int32_t *words, const int16_t *x, int32_t turns, int32_t blocks, int16_t *y, int32_t step,
                        int32_t output_step, int32_t positions);

#ifdef __cplusplus
}
#endif

#endif
