#ifndef STAPES_CORTEX_M7_H
#define STAPES_CORTEX_M7_H

/* All assembly of the runtime stands in this room: DSP instructions of the Cortex-M7 that no C compiler finds by itself
 * (stapes_cortex_m7_intrinsics.h), and the inner loops, a header for each family of kernels. Each has a twin in portable C
 * with the same bits, in stapes_intrinsics.h or in the file of the function.
 *
 * MISRA C:2012 deviates here in rule 1.2 (the extensions __asm__ and __attribute__ of GCC and Clang); directive 4.3 is
 * kept: assembly stands in functions of nothing else.
 */

#include "../stapes_config.h"
#include "../stapes_core.h"

#if STAPES_CORTEX_M7

/* The inner loops take all fourteen registers, so that a function that holds one is naked. */
#define STAPES_NAKED STAPES_HOT __attribute__((naked, noinline))
#define STAPES_UNUSED __attribute__((unused))

#endif

#endif
