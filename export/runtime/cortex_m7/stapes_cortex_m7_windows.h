#ifndef STAPES_CORTEX_M7_WINDOWS_H
#define STAPES_CORTEX_M7_WINDOWS_H

/* Weights of 16 bits times windows: stapes_window_rows. */

#include "../stapes_core.h"
#include "stapes_cortex_m7.h"

#if STAPES_CORTEX_M7

/* Rows of 16-bit weights times windows, stapes_window_rows: r0 words, r1 x, r2 turns, r3 blocks, on the stack y, step,
 * output_step and positions.
 *
 * A turn takes 8 columns of four rows, 21 instructions for 32 products: sums in r2 to r5, x in r6 to r9, weights in r10,
 * r11, r12 and lr. As above the loop is unrolled and entered where the rest makes up the window.
 *
 * Stack: [0] the window, [4] entry, [8] y, [12] end of the words, [16] words, [20] step in bytes, [24] from the end of
 * a position of y to the start of the next one, [28] positions left, [68] to [80] the arguments.
 */
/* clang-format off */
#define STAPES_WINDOW_COLUMNS(x)               \
    "ldm.w r0!, {r10, r11, r12, lr}\n\t"       \
    "smlad r2, r10, " x ", r2\n\t"             \
    "smlad r3, r11, " x ", r3\n\t"             \
    "smlad r4, r12, " x ", r4\n\t"             \
    "smlad r5, lr, " x ", r5\n\t"

#define STAPES_WINDOW_ROWS_ASSEMBLY            \
    "push {r4-r11, lr}\n\t"                    \
    "sub sp, sp, #32\n\t"                      \
    "ldrd r4, r5, [sp, #68]\n\t"               \
    "ldrd r6, r7, [sp, #76]\n\t"               \
    "lsl r5, r5, #1\n\t"                       \
    "sub r6, r6, r3, lsl #2\n\t"               \
    "lsl r6, r6, #1\n\t"                       \
    "strd r0, r5, [sp, #16]\n\t"               \
    "strd r6, r7, [sp, #24]\n\t"               \
    "lsl r5, r2, #4\n\t"                       \
    "add r5, r5, #8\n\t"                       \
    "mul r5, r5, r3\n\t"                       \
    "add r5, r0, r5, lsl #2\n\t"               \
    "strd r4, r5, [sp, #8]\n\t"                \
    "rsb r2, r2, #8\n\t" /* turns to leave out, of 84 bytes each */ \
    "mov r4, #84\n\t"                          \
    "adr.w r12, 1f + 1\n\t"                    \
    "mla r2, r2, r4, r12\n\t"                  \
    "strd r1, r2, [sp]\n"                      \
    "2:\n\t"                                   \
    "ldm r0!, {r2, r3, r4, r5}\n\t"            \
    "ldrd r1, r6, [sp]\n\t"                    \
    "bx r6\n\t"                                \
    ".p2align 2\n"                             \
    "1:\n\t"                                   \
    ".rept 8\n\t"                              \
    "ldm.w r1!, {r6, r7, r8, r9}\n\t"          \
    STAPES_WINDOW_COLUMNS("r6")                \
    STAPES_WINDOW_COLUMNS("r7")                \
    STAPES_WINDOW_COLUMNS("r8")                \
    STAPES_WINDOW_COLUMNS("r9")                \
    ".endr\n\t"                                \
    "ldm.w r0!, {r6, r7, r8, r9}\n\t"          \
    "smmulr r2, r2, r6\n\t"                    \
    "smmulr r3, r3, r7\n\t"                    \
    "smmulr r4, r4, r8\n\t"                    \
    "smmulr r5, r5, r9\n\t"                    \
    "ldrd r10, r11, [sp, #8]\n\t"              \
    "ssat r2, #16, r2\n\t"                     \
    "ssat r3, #16, r3\n\t"                     \
    "ssat r4, #16, r4\n\t"                     \
    "ssat r5, #16, r5\n\t"                     \
    "strh r2, [r10], #2\n\t"                   \
    "strh r3, [r10], #2\n\t"                   \
    "strh r4, [r10], #2\n\t"                   \
    "strh r5, [r10], #2\n\t"                   \
    "str r10, [sp, #8]\n\t"                    \
    "cmp r0, r11\n\t"                          \
    "bne.w 2b\n\t"                             \
    "ldr r1, [sp]\n\t"                         \
    "ldrd r0, r6, [sp, #16]\n\t"               \
    "ldrd r7, r8, [sp, #24]\n\t"               \
    "add r1, r1, r6\n\t"                       \
    "add r10, r10, r7\n\t"                     \
    "str r1, [sp]\n\t"                         \
    "str r10, [sp, #8]\n\t"                    \
    "subs r8, r8, #1\n\t"                      \
    "str r8, [sp, #28]\n\t"                    \
    "bne.w 2b\n\t"                             \
    "add sp, sp, #32\n\t"                      \
    "pop {r4-r11, pc}\n\t"
/* clang-format on */

#endif

#endif
