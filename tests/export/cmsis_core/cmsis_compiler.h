/* What the transform's sources and headers use of CMSIS-Core on a Cortex-M7 with GCC. */
#pragma once

#include <stdint.h>

#define __STATIC_INLINE static inline
#define __STATIC_FORCEINLINE static inline __attribute__((always_inline))
#define __ALIGNED(bytes) __attribute__((aligned(bytes)))
#define __ASM __asm
#define __CLZ(value) ((uint8_t)((value) != 0u ? __builtin_clz(value) : 32))
