#ifndef STAPES_CORTEX_M7_SUMS_H
#define STAPES_CORTEX_M7_SUMS_H

/* What the inner loops of whole and of sparse matrices have in common.
 *
 * Arguments: r0 weights, r1 x, r2 groups, r3 rows, and on the stack values and blocks. A word of weights holds two
 * columns of a pair of rows, halfwords 256 * odd + even. SMLAD (SMLALD) of the word itself sums 256 * odd + even, the
 * "pair sum"; SXTB16 leaves the weights of the even row, and SMLAD sums them: 3 instructions for 4 products. At the end
 * of a block odd = (pair sum - even sum) / 256.
 *
 * A turn takes a fixed number of columns of both pairs. Turns are unrolled, and the loop is entered at the turn from
 * which the rest makes up the groups: every instruction of a turn has 4 bytes, so the address is a multiplication away.
 * No instruction follows directly on one whose result it needs, but in the short sequences at the end of a block.
 *
 * Stack: [0] start of x, [4] entry to the first turn, [8] values, [12] their end, [16] rows, [20] end of x,
 * [24] entry behind an odd group, [64] and [68] the arguments.
 */

#include "../stapes_core.h"
#include "stapes_cortex_m7.h"

#if STAPES_CORTEX_M7

/* Two columns of both pairs: words a and b of weights and one of x; pair sums p and q, even sums e and f. */
/* clang-format off */
#define STAPES_TWO_COLUMNS_32(a, b, x, p, e, q, f) \
    "smlad " p ", " a ", " x ", " p "\n\t"         \
    "sxtb16 " a ", " a "\n\t"                      \
    "smlad " q ", " b ", " x ", " q "\n\t"         \
    "sxtb16 " b ", " b "\n\t"                      \
    "smlad " e ", " a ", " x ", " e "\n\t"         \
    "smlad " f ", " b ", " x ", " f "\n\t"

/* The same with pair sums of 64 bits: low words p and q, high words ph and qh. */
#define STAPES_TWO_COLUMNS_64(a, b, x, p, ph, e, q, qh, f) \
    "smlald " p ", " ph ", " a ", " x "\n\t"               \
    "sxtb16 " a ", " a "\n\t"                              \
    "smlald " q ", " qh ", " b ", " x "\n\t"               \
    "sxtb16 " b ", " b "\n\t"                              \
    "smlad " e ", " a ", " x ", " e "\n\t"                 \
    "smlad " f ", " b ", " x ", " f "\n\t"

/* Up to where values end; r4 and r5 are lost. */
#define STAPES_VALUES_BEGIN               \
    "push {r4-r11, lr}\n\t"               \
    "sub sp, sp, #28\n\t"                 \
    "ldrd r4, r5, [sp, #64]\n\t"          \
    "add r5, r4, r5, lsl #3\n\t"          \
    "strd r4, r5, [sp, #8]\n\t"           \
    "mov r9, r3\n\t"

/* Up to where x ends besides. */
#define STAPES_ROWS_BEGIN                 \
    STAPES_VALUES_BEGIN                   \
    "add r4, r1, r2, lsl #3\n\t"          \
    "str r4, [sp, #20]\n\t"

/* Store four values and begin the next block at label 2, with r9 at its rows. */
#define STAPES_ROWS_END(a, b, c, d)       \
    "ldrd r10, r11, [sp, #8]\n\t"         \
    "strh " a ", [r10], #2\n\t"           \
    "strh " b ", [r10], #2\n\t"           \
    "strh " c ", [r10], #2\n\t"           \
    "strh " d ", [r10], #2\n\t"           \
    "str r10, [sp, #8]\n\t"               \
    "cmp r10, r11\n\t"                    \
    "bne.w 2b\n\t"                        \
    "add sp, sp, #28\n\t"                 \
    "pop {r4-r11, pc}\n\t"

/* Pair sums of 64 bits begin at 256 * odd bias + even bias: from biases in r3 to r6. */
#define STAPES_ONCE_BEGIN                                                                      \
    "adds.w r7, r3, r4, lsl #8\n\t"                                                            \
    "asr.w r4, r4, #24\n\t"                                                                    \
    "adc.w r4, r4, r3, asr #31\n\t"                                                            \
    "adds.w r8, r5, r6, lsl #8\n\t"                                                            \
    "asr.w r6, r6, #24\n\t"                                                                    \
    "adc.w r6, r6, r5, asr #31\n\t"

/* round(sum * multiplier / 2^32), saturated to 16 bits, with the multipliers where [16] says. A pair sum and its even
 * sum agree in their lowest 8 bits, so that both may be shifted before they are subtracted.
 */
#define STAPES_ONCE_END                                                                        \
    "ldr r9, [sp, #16]\n\t"                                                                    \
    "lsr.w r7, r7, #8\n\t"                                                                     \
    "lsr.w r8, r8, #8\n\t"                                                                     \
    "orr r7, r7, r4, lsl #24\n\t"                                                              \
    "orr r8, r8, r6, lsl #24\n\t"                                                              \
    "sub.w r4, r7, r3, asr #8\n\t"                                                             \
    "sub.w r6, r8, r5, asr #8\n\t"                                                             \
    "ldm r9!, {r7, r8, r10, r11}\n\t" /* multipliers */                                        \
    "smmulr r3, r3, r7\n\t"                                                                    \
    "smmulr r4, r4, r8\n\t"                                                                    \
    "smmulr r5, r5, r10\n\t"                                                                   \
    "smmulr r6, r6, r11\n\t"                                                                   \
    "ssat r3, #16, r3\n\t"                                                                     \
    "ssat r4, #16, r4\n\t"                                                                     \
    "ssat r5, #16, r5\n\t"                                                                     \
    "ssat r6, #16, r6\n\t"                                                                     \
    STAPES_ROWS_END("r3", "r4", "r5", "r6")

/* Pair sums of 32 bits: from biases in r2 to r5. */
#define STAPES_TWICE_BEGIN                                                                     \
    "add.w r3, r2, r3, lsl #8\n\t"                                                             \
    "add.w r5, r4, r5, lsl #8\n\t"

/* round(round(2 * sum * multiplier / 2^32) / 2^shift), half upwards and half away from zero, plus the zero point,
 * saturated to 8 bits, with multipliers and shifts where [16] says. 1 rotated to the right by a shift is the power of two
 * that divides by multiplication.
 */
#define STAPES_TWICE_END                                                                       \
    "ldr r9, [sp, #16]\n\t"                                                                    \
    "sub r3, r3, r2\n\t"                                                                       \
    "sub r5, r5, r4\n\t"                                                                       \
    "asr r3, r3, #7\n\t"                                                                       \
    "asr r5, r5, #7\n\t"                                                                       \
    "lsl r2, r2, #1\n\t"                                                                       \
    "lsl r4, r4, #1\n\t"                                                                       \
    "ldm r9!, {r6, r7, r8, r10, r11}\n\t" /* multipliers, and shifts with the zero point */    \
    "smmulr r2, r2, r6\n\t"                                                                    \
    "smmulr r3, r3, r7\n\t"                                                                    \
    "smmulr r4, r4, r8\n\t"                                                                    \
    "smmulr r5, r5, r10\n\t"                                                                   \
    "mov r12, #1\n\t"                                                                          \
    "ror r6, r12, r11\n\t"                                                                     \
    "lsr r7, r11, #6\n\t"                                                                      \
    "lsr r8, r11, #12\n\t"                                                                     \
    "lsr r10, r11, #18\n\t"                                                                    \
    "ror r7, r12, r7\n\t"                                                                      \
    "ror r8, r12, r8\n\t"                                                                      \
    "ror r10, r12, r10\n\t"                                                                    \
    "asr r11, r11, #24\n\t"                                                                    \
    "add r2, r2, r2, asr #31\n\t"                                                              \
    "add r3, r3, r3, asr #31\n\t"                                                              \
    "add r4, r4, r4, asr #31\n\t"                                                              \
    "add r5, r5, r5, asr #31\n\t"                                                              \
    "smmlar r2, r2, r6, r11\n\t"                                                               \
    "smmlar r3, r3, r7, r11\n\t"                                                               \
    "smmlar r4, r4, r8, r11\n\t"                                                               \
    "smmlar r5, r5, r10, r11\n\t"                                                              \
    "ssat r2, #8, r2\n\t"                                                                      \
    "ssat r3, #8, r3\n\t"                                                                      \
    "ssat r4, #8, r4\n\t"                                                                      \
    "ssat r5, #8, r5\n\t"                                                                      \
    STAPES_ROWS_END("r2", "r3", "r4", "r5")
/* clang-format on */

#endif

#endif
