#ifndef STAPES_CORTEX_M7_BIQUAD_H
#define STAPES_CORTEX_M7_BIQUAD_H

/* The inner loop of a section of second order.
 *
 * Arguments: r0 coefficients, r1 past, r2 rest, r3 sound, and on the stack pairs of samples, 1 or more. In the loop: r0 sound, r1 to
 * r5 the coefficients, r6 and r7 the newer and the older sample before the section, r8 and r9 behind it, r10 and r11 the sum, lr
 * turns. A sample takes the place of the one that is used for the last time, so that after two of them every register holds
 * what it held before. A turn is two pairs; with an odd number of them the first turn begins in its middle.
 */

#include "../stapes_core.h"
#include "stapes_cortex_m7.h"

#if STAPES_CORTEX_M7

/* One sample, `place` bytes from r0. */
/* clang-format off */
#define STAPES_BIQUAD_SAMPLE(x_old, x_new, y_old, y_new, place) \
    "smlal r10, r11, r3, " x_old "\n\t"                         \
    "ldr " x_old ", [r0, #" place "]\n\t"                       \
    "smlal r10, r11, r2, " x_new "\n\t"                         \
    "smlal r10, r11, r4, " y_new "\n\t"                         \
    "smlal r10, r11, r5, " y_old "\n\t"                         \
    "smlal r10, r11, r1, " x_old "\n\t"                         \
    "lsr " y_old ", r10, #30\n\t"                               \
    "ssat r11, #29, r11\n\t"                                    \
    "bic r10, r10, #0xC0000000\n\t"                             \
    "orr " y_old ", " y_old ", r11, lsl #2\n\t"                 \
    "mov r11, #0\n\t"

#define STAPES_BIQUAD_PAIR                                      \
    STAPES_BIQUAD_SAMPLE("r7", "r6", "r9", "r8", "0")           \
    STAPES_BIQUAD_SAMPLE("r6", "r7", "r8", "r9", "4")           \
    "strd r9, r8, [r0], #8\n\t"

#define STAPES_BIQUAD_PAIRS_ASSEMBLY                            \
    "push {r1, r2, r4-r11, lr}\n\t"                             \
    "ldr lr, [sp, #44]\n\t"                                     \
    "mov r12, r3\n\t"                                           \
    "ldr r10, [r2]\n\t"                                         \
    "ldm r1, {r6-r9}\n\t"                                       \
    "ldm r0, {r1-r5}\n\t"                                       \
    "mov r0, r12\n\t"                                           \
    "mov r11, #0\n\t"                                           \
    "add lr, lr, #1\n\t"                                        \
    "lsrs lr, lr, #1\n\t"                                       \
    "bcc 2f\n\t"                                                \
    "1:\n\t"                                                    \
    STAPES_BIQUAD_PAIR                                          \
    "2:\n\t"                                                    \
    STAPES_BIQUAD_PAIR                                          \
    "subs lr, lr, #1\n\t"                                       \
    "bne 1b\n\t"                                                \
    "pop {r1, r2}\n\t"                                          \
    "str r10, [r2]\n\t"                                         \
    "stm r1, {r6-r9}\n\t"                                       \
    "pop {r4-r11, pc}\n\t"
/* clang-format on */

#endif

#endif
