#ifndef STAPES_KERNELS_H
#define STAPES_KERNELS_H

/* What the kernels of the integer network have in common. The header of a room holds the documentation of its kernels; a
 * kernel stands in the file of its name.
 *
 * s8 and s16 are int8 and int16 activations; weights are int8 in both. Each kernel is one TensorFlow Lite operator and
 * rounds as TFLite Micro's reference kernels do; the Python twins stand in firmware_sim/kernels under the same names,
 * with the same parameters. A real value is scale * (integer - zero point); a real multiplier is
 * multiplier_q31 / 2^31 * 2^shift. Parameters are constants of a generated program and never null; inputs and outputs
 * do not overlap unless it is said. No kernel allocates, recurses, keeps a state or uses floating point.
 */

#include <stdbool.h>
#include <stdint.h>

#define STAPES_DIMENSIONS 4

#endif
