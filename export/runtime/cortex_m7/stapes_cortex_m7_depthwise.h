#ifndef STAPES_CORTEX_M7_DEPTHWISE_H
#define STAPES_CORTEX_M7_DEPTHWISE_H

/* A depthwise convolution over the frames of a stream: stapes_depthwise_pair. */

#include "../stapes_core.h"
#include "stapes_cortex_m7.h"

#if STAPES_CORTEX_M7

/* Two channels of a depthwise convolution, stapes_depthwise_pair: r0 taps, r1 x, r2 and r3 the second and third row, on
 * the stack y, step and positions.
 *
 * A position is read once and added to three outputs: its left neighbour's, which is then whole (r4, r5), its own
 * (r6, r7, which move to r4 and r5 as they are added to) and its right neighbour's. The first two rows of x lie in one
 * word for each channel (r12, r11), so that SMLAD sums both; the third row of both channels is lr.
 *
 * Stack: [0] step in bytes, [4] end of x, [8] from x to the output of the position before, [48] to [56] the arguments.
 */
/* clang-format off */
#define STAPES_PAIR_READ                   \
    "ldr r8, [r1]\n\t"                     \
    "ldr r11, [r1, r2, lsl #1]\n\t"        \
    "ldr lr, [r1, r3, lsl #1]\n\t"         \
    "pkhbt r12, r8, r11, lsl #16\n\t"      \
    "pkhtb r11, r11, r8, asr #16\n\t"

/* To a and b, from the sums c and d, with the weights in r8 to r10. */
#define STAPES_PAIR_COLUMN(a, b, c, d)     \
    "smlad " a ", r12, r8, " c "\n\t"      \
    "smlad " b ", r11, r9, " d "\n\t"      \
    "smlabb " a ", lr, r10, " a "\n\t"     \
    "smlatt " b ", lr, r10, " b "\n\t"

/* Round r4 and r5 by the multipliers in r8 and r9. */
#define STAPES_PAIR_WRITE                  \
    "smmulr r4, r4, r8\n\t"                \
    "smmulr r5, r5, r9\n\t"                \
    "ldr r10, [sp, #8]\n\t"                \
    "ssat r4, #16, r4\n\t"                 \
    "ssat r5, #16, r5\n\t"                 \
    "pkhbt r4, r4, r5, lsl #16\n\t"        \
    "str r4, [r1, r10]\n\t"

#define STAPES_DEPTHWISE_PAIR_ASSEMBLY     \
    "push {r4-r11, lr}\n\t"                \
    "sub sp, sp, #12\n\t"                  \
    "ldr r4, [sp, #48]\n\t"                \
    "ldrd r5, r6, [sp, #52]\n\t"           \
    "lsl r5, r5, #1\n\t"                   \
    "sub r4, r4, r1\n\t"                   \
    "sub r4, r4, r5\n\t"                   \
    "str r4, [sp, #8]\n\t"                 \
    "mla r6, r5, r6, r1\n\t"               \
    "strd r5, r6, [sp]\n\t"                \
    STAPES_PAIR_READ                       \
    "ldrd r4, r5, [r0, #32]\n\t"           \
    "add r0, r0, #20\n\t"                  \
    "ldm r0!, {r8, r9, r10}\n\t"           \
    STAPES_PAIR_COLUMN("r4", "r5", "r4", "r5") \
    "ldm r0!, {r6, r7, r8, r9, r10}\n\t"   \
    "b 2f\n"                               \
    "1:\n\t"                               \
    STAPES_PAIR_READ                       \
    "ldm r0!, {r8, r9, r10}\n\t"           \
    STAPES_PAIR_COLUMN("r4", "r5", "r4", "r5") \
    "ldm r0!, {r8, r9}\n\t"                \
    STAPES_PAIR_WRITE                      \
    "ldm r0!, {r8, r9, r10}\n\t"           \
    STAPES_PAIR_COLUMN("r4", "r5", "r6", "r7") \
    "ldm r0!, {r6, r7, r8, r9, r10}\n"     \
    "2:\n\t"                               \
    STAPES_PAIR_COLUMN("r6", "r7", "r6", "r7") \
    "ldrd r8, r9, [sp]\n\t"                \
    "sub r0, r0, #52\n\t"                  \
    "add r1, r1, r8\n\t"                   \
    "cmp r1, r9\n\t"                       \
    "bne 1b\n\t"                           \
    "ldrd r8, r9, [r0, #12]\n\t"           \
    STAPES_PAIR_WRITE                      \
    "add sp, sp, #12\n\t"                  \
    "pop {r4-r11, pc}\n\t"
/* clang-format on */

#endif

#endif
