#ifndef STAPES_CORTEX_M7_ROWS_H
#define STAPES_CORTEX_M7_ROWS_H

/* Rows of a whole matrix times a vector: stapes_rows_once and stapes_rows_twice. */

#include "../stapes_core.h"
#include "stapes_cortex_m7_sums.h"

#if STAPES_CORTEX_M7

/* Pair sums of 64 bits, 4 columns a turn, 14 instructions for 16 products. Even sums r3 and r5, pair sums r4:r7 and r6:r8,
 * x in r9 and r10, weights in r2, r11, r12 and lr.
 */
/* clang-format off */
#define STAPES_ROWS_ONCE_ASSEMBLY                                                              \
    STAPES_ROWS_BEGIN                                                                          \
    "rsb r2, r2, #0\n\t"                                                                       \
    "and r2, r2, #15\n\t" /* turns to leave out, of 56 bytes each */                           \
    "rsb r2, r2, r2, lsl #3\n\t"                                                               \
    "adr.w r12, 1f + 1\n\t"                                                                    \
    "add r2, r12, r2, lsl #3\n\t"                                                              \
    "strd r1, r2, [sp]\n"                                                                      \
    "2:\n\t"                                                                                   \
    "ldm r9!, {r3, r4, r5, r6}\n\t"                                                            \
    "str r9, [sp, #16]\n\t"                                                                    \
    "ldrd r1, r2, [sp]\n\t"                                                                    \
    STAPES_ONCE_BEGIN                                                                          \
    "bx r2\n\t"                                                                                \
    ".p2align 2\n"                                                                             \
    "1:\n\t"                                                                                   \
    ".rept 16\n\t"                                                                             \
    "ldrd r9, r10, [r1], #8\n\t"                                                               \
    "ldm.w r0!, {r2, r11, r12, lr}\n\t"                                                        \
    STAPES_TWO_COLUMNS_64("r2", "r11", "r9", "r7", "r4", "r3", "r8", "r6", "r5")               \
    STAPES_TWO_COLUMNS_64("r12", "lr", "r10", "r7", "r4", "r3", "r8", "r6", "r5")              \
    ".endr\n\t"                                                                                \
    "ldr r12, [sp, #20]\n\t"                                                                   \
    "cmp r1, r12\n\t"                                                                          \
    "bne.w 1b\n\t"                                                                             \
    STAPES_ONCE_END

/* Pair sums of 32 bits, 8 columns a turn, 27 instructions for 32 products; an odd group of 4 columns goes first, at
 * label 5. Even sums r2 and r4, pair sums r3 and r5, x in r6 to r9, weights in r10, r11, r12 and lr.
 */
#define STAPES_ROWS_TWICE_ASSEMBLY                                                             \
    STAPES_ROWS_BEGIN                                                                          \
    "lsr r6, r2, #1\n\t"                                                                       \
    "rsb r7, r6, #0\n\t"                                                                       \
    "and r7, r7, #7\n\t" /* turns to leave out, of 108 bytes each */                           \
    "mov r8, #108\n\t"                                                                         \
    "adr.w r12, 1f + 1\n\t"                                                                    \
    "mla r12, r7, r8, r12\n\t"                                                                 \
    "adr.w r8, 3f + 1\n\t"                                                                     \
    "cmp r6, #0\n\t"                                                                           \
    "it eq\n\t"                                                                                \
    "moveq r12, r8\n\t"                                                                        \
    "str r12, [sp, #24]\n\t"                                                                   \
    "adr.w r8, 5f + 1\n\t"                                                                     \
    "lsls r2, r2, #31\n\t"                                                                     \
    "it ne\n\t"                                                                                \
    "movne r12, r8\n\t"                                                                        \
    "strd r1, r12, [sp]\n"                                                                     \
    "2:\n\t"                                                                                   \
    "ldm r9!, {r2, r3, r4, r5}\n\t"                                                            \
    "str r9, [sp, #16]\n\t"                                                                    \
    "ldrd r1, r12, [sp]\n\t"                                                                   \
    STAPES_TWICE_BEGIN                                                                         \
    "bx r12\n"                                                                                 \
    "5:\n\t"                                                                                   \
    "ldrd r6, r7, [r1], #8\n\t"                                                                \
    "ldm r0!, {r8, r9, r10, r11}\n\t"                                                          \
    STAPES_TWO_COLUMNS_32("r8", "r9", "r6", "r3", "r2", "r5", "r4")                            \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r7", "r3", "r2", "r5", "r4")                          \
    "ldr r12, [sp, #24]\n\t"                                                                   \
    "bx r12\n\t"                                                                               \
    ".p2align 2\n"                                                                             \
    "1:\n\t"                                                                                   \
    ".rept 8\n\t"                                                                              \
    "ldm.w r1!, {r6, r7, r8, r9}\n\t"                                                          \
    "ldm.w r0!, {r10, r11, r12, lr}\n\t"                                                       \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r6", "r3", "r2", "r5", "r4")                          \
    STAPES_TWO_COLUMNS_32("r12", "lr", "r7", "r3", "r2", "r5", "r4")                           \
    "ldm.w r0!, {r10, r11, r12, lr}\n\t"                                                       \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r8", "r3", "r2", "r5", "r4")                          \
    STAPES_TWO_COLUMNS_32("r12", "lr", "r9", "r3", "r2", "r5", "r4")                           \
    ".endr\n\t"                                                                                \
    "ldr r12, [sp, #20]\n\t"                                                                   \
    "cmp r1, r12\n\t"                                                                          \
    "bne.w 1b\n"                                                                               \
    "3:\n\t"                                                                                   \
    STAPES_TWICE_END
/* clang-format on */

#endif

#endif
