#ifndef STAPES_CORTEX_M7_SPARSE_H
#define STAPES_CORTEX_M7_SPARSE_H

/* Rows of a sparse matrix times a vector: stapes_sparse_once and stapes_sparse_twice. */

#include "../stapes_core.h"
#include "stapes_cortex_m7_sums.h"

#if STAPES_CORTEX_M7

/* Sparse blocks: weights hold only the groups of four columns that are not all zeros, export/c/sparse.py.
 *
 * Arguments as above but for r2: bytes of weights before the first block. A turn takes two groups: a word of two distances
 * in bytes, then the groups. x is at the second group of the turn before, and both distances count from there, so that a
 * turn has one instruction a group more than that of a whole matrix: 30 for 32 products. Its halves have 64 and 56 bytes.
 * Rows say where the weights of a block end, where x begins and how many bytes behind the first turn the loop is entered:
 * in the middle of a turn for an odd number of groups, behind the last one for none.
 *
 * Stack: [0] x, [4] first turn, [8] values, [12] their end, [16] rows, [20] end of the block's weights, [24] weights.
 */
/* clang-format off */
#define STAPES_SPARSE_BEGIN                                                                    \
    STAPES_VALUES_BEGIN                                                                        \
    "str r0, [sp, #24]\n\t"                                                                    \
    "add r0, r0, r2\n\t"                                                                       \
    "adr.w r2, 1f + 1\n\t"                                                                     \
    "strd r1, r2, [sp]\n"

/* Label 2: a block's end of weights and way into the turns are in `end` and `way`; its entry comes into `entry`. */
#define STAPES_SPARSE_ENTER(end, way, entry, any)                                              \
    "str r9, [sp, #16]\n\t"                                                                    \
    "ldrd r1, " entry ", [sp]\n\t"                                                             \
    "ldr " any ", [sp, #24]\n\t"                                                               \
    "add " any ", " any ", " end "\n\t"                                                        \
    "str " any ", [sp, #20]\n\t"                                                               \
    "uxtah r1, r1, " way "\n\t"                                                                \
    "add.w " entry ", " entry ", " way ", lsr #16\n\t"

/* Sums as in STAPES_ROWS_ONCE_ASSEMBLY; x in r2 and r9, weights in r10, r11, r12 and lr. Distances pass through r2, the
 * place of the first group through r9.
 */
#define STAPES_SPARSE_ONCE_ASSEMBLY                                                            \
    STAPES_SPARSE_BEGIN                                                                        \
    "2:\n\t"                                                                                   \
    "ldm.w r9!, {r3, r4, r5, r6, r11, r12}\n\t"                                                \
    STAPES_SPARSE_ENTER("r11", "r12", "r2", "r10")                                             \
    STAPES_ONCE_BEGIN                                                                          \
    "bx r2\n\t"                                                                                \
    ".p2align 2\n"                                                                             \
    "1:\n\t"                                                                                   \
    ".rept 8\n\t"                                                                              \
    "ldm.w r0!, {r2, r10, r11, r12, lr}\n\t"                                                   \
    "uxtah r9, r1, r2\n\t"                                                                     \
    "add.w r1, r1, r2, lsr #16\n\t"                                                            \
    "ldrd r2, r9, [r9]\n\t"                                                                    \
    STAPES_TWO_COLUMNS_64("r10", "r11", "r2", "r7", "r4", "r3", "r8", "r6", "r5")              \
    STAPES_TWO_COLUMNS_64("r12", "lr", "r9", "r7", "r4", "r3", "r8", "r6", "r5")               \
    "ldrd r2, r9, [r1]\n\t"                                                                    \
    "ldm.w r0!, {r10, r11, r12, lr}\n\t"                                                       \
    STAPES_TWO_COLUMNS_64("r10", "r11", "r2", "r7", "r4", "r3", "r8", "r6", "r5")              \
    STAPES_TWO_COLUMNS_64("r12", "lr", "r9", "r7", "r4", "r3", "r8", "r6", "r5")               \
    ".endr\n\t"                                                                                \
    "ldr r12, [sp, #20]\n\t"                                                                   \
    "cmp r0, r12\n\t"                                                                          \
    "bne.w 1b\n\t"                                                                             \
    STAPES_ONCE_END

/* Sums as in STAPES_ROWS_TWICE_ASSEMBLY; x in r6 and r7, weights in r10, r11, r12 and lr, distances in r8, the place of the
 * first group in r9.
 */
#define STAPES_SPARSE_TWICE_ASSEMBLY                                                           \
    STAPES_SPARSE_BEGIN                                                                        \
    "2:\n\t"                                                                                   \
    "ldm.w r9!, {r2, r3, r4, r5, r10, r11}\n\t"                                                \
    STAPES_SPARSE_ENTER("r10", "r11", "r12", "r6")                                             \
    STAPES_TWICE_BEGIN                                                                         \
    "bx r12\n\t"                                                                               \
    ".p2align 2\n"                                                                             \
    "1:\n\t"                                                                                   \
    ".rept 8\n\t"                                                                              \
    "ldm.w r0!, {r8, r10, r11, r12, lr}\n\t"                                                   \
    "uxtah r9, r1, r8\n\t"                                                                     \
    "add.w r1, r1, r8, lsr #16\n\t"                                                            \
    "ldrd r6, r7, [r9]\n\t"                                                                    \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r6", "r3", "r2", "r5", "r4")                          \
    STAPES_TWO_COLUMNS_32("r12", "lr", "r7", "r3", "r2", "r5", "r4")                           \
    "ldrd r6, r7, [r1]\n\t"                                                                    \
    "ldm.w r0!, {r10, r11, r12, lr}\n\t"                                                       \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r6", "r3", "r2", "r5", "r4")                          \
    STAPES_TWO_COLUMNS_32("r12", "lr", "r7", "r3", "r2", "r5", "r4")                           \
    ".endr\n\t"                                                                                \
    "ldr r12, [sp, #20]\n\t"                                                                   \
    "cmp r0, r12\n\t"                                                                          \
    "bne.w 1b\n\t"                                                                             \
    STAPES_TWICE_END
/* clang-format on */

#endif

#endif
