#ifndef STAPES_CORE_H
#define STAPES_CORE_H

/* Which processor's kernels are compiled. What stands behind STAPES_CORTEX_M7 has a twin in portable C with the same bits;
 * cores with the same instructions (Cortex-M4, M33) take it too, and -DSTAPES_CORTEX_M7=0 takes the portable twins everywhere.
 */

#include "stapes_config.h"

#ifndef STAPES_CORTEX_M7
#if defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FEATURE_DSP) && !defined(__ARM_BIG_ENDIAN)
#define STAPES_CORTEX_M7 1
#else
#define STAPES_CORTEX_M7 0
#endif
#endif

#endif
