#ifndef STAPES_CORTEX_M7_GRU_H
#define STAPES_CORTEX_M7_GRU_H

/* A grouped GRU: stapes_grouped_rows and stapes_gru_cell_s16. */

#include "../stapes_core.h"
#include "stapes_cortex_m7.h"

#if STAPES_CORTEX_M7

/* Rows of 4, 8 or 16 columns times the vector of their group.
 *
 * Arguments: r0 rows, r1 values, r2 x, r3 bytes of the rows of a group, and on the stack the number of groups. A row is its
 * bias, a word for each two weights, and its multiplier, so that one LDM loads it; the vector stays in registers. A value is
 * round(sum * multiplier / 2^32), saturated to 16 bits, and every second halfword from r1 on takes one.
 *
 * Stack: [0] x, [4] bytes of a group, [8] end of all rows, [12] end of the group's rows, [52] the argument.
 */
/* clang-format off */
#define STAPES_GROUPS_BEGIN         \
    "push {r4-r11, lr}\n\t"         \
    "sub sp, sp, #16\n\t"           \
    "ldr r4, [sp, #52]\n\t"         \
    "mla r4, r4, r3, r0\n\t"        \
    "strd r2, r3, [sp]\n\t"         \
    "str r4, [sp, #8]\n"            \
    "2:\n\t"                        \
    "ldrd r12, lr, [sp]\n\t"        \
    "add lr, lr, r0\n\t"

/* Behind the last row of a group. */
#define STAPES_GROUPS_END           \
    "ldr r12, [sp, #8]\n\t"         \
    "cmp r0, r12\n\t"               \
    "bne.w 2b\n\t"                  \
    "add sp, sp, #16\n\t"           \
    "pop {r4-r11, pc}\n\t"

/* Two rows, 11 instructions; x in r2 and r3. */
#define STAPES_GROUPED_ROWS_4_ASSEMBLY      \
    STAPES_GROUPS_BEGIN                     \
    "ldm r12!, {r2, r3}\n\t"                \
    "str r12, [sp]\n"                       \
    "1:\n\t"                                \
    ".rept 6\n\t"                           \
    "ldm r0!, {r4-r11}\n\t"                 \
    "smlad r4, r5, r2, r4\n\t"              \
    "smlad r8, r9, r2, r8\n\t"              \
    "smlad r4, r6, r3, r4\n\t"              \
    "smlad r8, r10, r3, r8\n\t"             \
    "smmulr r4, r4, r7\n\t"                 \
    "smmulr r8, r8, r11\n\t"                \
    "ssat r4, #16, r4\n\t"                  \
    "ssat r8, #16, r8\n\t"                  \
    "strh r4, [r1], #4\n\t"                 \
    "strh r8, [r1], #4\n\t"                 \
    ".endr\n\t"                             \
    "cmp r0, lr\n\t"                        \
    "bne.w 1b\n\t"                          \
    STAPES_GROUPS_END

/* Two rows, 16 instructions; x in r2 to r5. */
#define STAPES_GROUPED_ROWS_8_ASSEMBLY      \
    STAPES_GROUPS_BEGIN                     \
    "ldm r12!, {r2-r5}\n\t"                 \
    "str r12, [sp]\n"                       \
    "1:\n\t"                                \
    ".rept 6\n\t"                           \
    "ldm r0!, {r6-r11}\n\t"                 \
    "smlad r6, r7, r2, r6\n\t"              \
    "smlad r6, r8, r3, r6\n\t"              \
    "smlad r6, r9, r4, r6\n\t"              \
    "smlad r6, r10, r5, r6\n\t"             \
    "smmulr r12, r6, r11\n\t"               \
    "ldm r0!, {r6-r11}\n\t"                 \
    "smlad r6, r7, r2, r6\n\t"              \
    "ssat r12, #16, r12\n\t"                \
    "smlad r6, r8, r3, r6\n\t"              \
    "strh r12, [r1], #4\n\t"                \
    "smlad r6, r9, r4, r6\n\t"              \
    "smlad r6, r10, r5, r6\n\t"             \
    "smmulr r12, r6, r11\n\t"               \
    "ssat r12, #16, r12\n\t"                \
    "strh r12, [r1], #4\n\t"                \
    ".endr\n\t"                             \
    "cmp r0, lr\n\t"                        \
    "bne.w 1b\n\t"                          \
    STAPES_GROUPS_END

/* A row, 14 instructions; x in r2 to r9. */
#define STAPES_GROUPED_ROWS_16_ASSEMBLY     \
    STAPES_GROUPS_BEGIN                     \
    "str lr, [sp, #12]\n\t"                 \
    "ldm r12!, {r2-r9}\n\t"                 \
    "str r12, [sp]\n"                       \
    "1:\n\t"                                \
    ".rept 12\n\t"                          \
    "ldm r0!, {r10, r11, r12, lr}\n\t"      \
    "smlad r10, r11, r2, r10\n\t"           \
    "smlad r10, r12, r3, r10\n\t"           \
    "smlad r10, lr, r4, r10\n\t"            \
    "ldm r0!, {r11, r12, lr}\n\t"           \
    "smlad r10, r11, r5, r10\n\t"           \
    "smlad r10, r12, r6, r10\n\t"           \
    "smlad r10, lr, r7, r10\n\t"            \
    "ldm r0!, {r11, r12, lr}\n\t"           \
    "smlad r10, r11, r8, r10\n\t"           \
    "smlad r10, r12, r9, r10\n\t"           \
    "smmulr r10, r10, lr\n\t"               \
    "ssat r10, #16, r10\n\t"                \
    "strh r10, [r1], #4\n\t"                \
    ".endr\n\t"                             \
    "ldr r12, [sp, #12]\n\t"                \
    "cmp r0, r12\n\t"                       \
    "bne.w 1b\n\t"                          \
    STAPES_GROUPS_END

/* Units of a cell, four a turn.
 *
 * Arguments: r0 terms, r1 h, r2 units, r3 stapes_gru_cell. From the first turn on what the candidate needs lies in front of
 * r3, what the gates need behind it. Terms are six halfwords a unit: xr, hr, xz, hz, xn, hn.
 *
 * A position is three times the sum of two terms: 8 bits of fraction, and above them the entry of a table of straight lines
 * (stapes_gate_lines). PKHBT puts the low half of the position, fraction and all, beside 256, and SMLAD multiplies both by the
 * line; what is not fraction is taken off by the line's first half.
 *
 * Stack: [0] end of h.
 */
#define STAPES_GRU_CELL_ASSEMBLY                                                                    \
    "push {r4-r11, lr}\n\t"                                                                         \
    "sub sp, sp, #4\n\t"                                                                            \
    "add r2, r1, r2, lsl #1\n\t"                                                                    \
    "str r2, [sp]\n\t"                                                                              \
    "add r3, r3, #28\n"                                                                             \
    "1:\n\t"                                                                                        \
    ".rept 4\n\t"                                                                                   \
    "ldm r0!, {r4, r5, r6}\n\t"                                                                     \
    "ldm r3, {r7-r12}\n\t" /* factors of r and z, power, 256, offset, lines of LOGISTIC */          \
    "smuad r4, r4, r7\n\t"                                                                          \
    "smuad r5, r5, r8\n\t"                                                                          \
    "add r4, r4, r4, asr #31\n\t"                                                                   \
    "add r5, r5, r5, asr #31\n\t"                                                                   \
    "smmulr r4, r4, r9\n\t"                                                                         \
    "smmulr r5, r5, r9\n\t"                                                                         \
    "add r4, r4, r4, lsl #1\n\t"                                                                    \
    "add r5, r5, r5, lsl #1\n\t"                                                                    \
    "ssat r7, #9, r4, asr #8\n\t"                                                                   \
    "ssat r8, #9, r5, asr #8\n\t"                                                                   \
    "ldr r7, [r12, r7, lsl #2]\n\t"                                                                 \
    "ldr r8, [r12, r8, lsl #2]\n\t"                                                                 \
    "pkhbt r9, r10, r4, lsl #16\n\t"                                                                \
    "pkhbt lr, r10, r5, lsl #16\n\t"                                                                \
    "add r4, r11, r4, asr #31\n\t"                                                                  \
    "add r5, r11, r5, asr #31\n\t"                                                                  \
    "smlad r4, r7, r9, r4\n\t"                                                                      \
    "smlad r5, r8, lr, r5\n\t"                                                                      \
    "ubfx r4, r4, #9, #15\n\t" /* r */                                                              \
    "ubfx r5, r5, #9, #15\n\t" /* z */                                                              \
    "ldmdb r3, {r7-r12, lr}\n\t" /* factors of n, power, 256, offset, lines of TANH, 1, 2^17 */     \
    "orr r2, r12, r6, asr #31\n\t"                                                                  \
    "smlabt r4, r4, r6, r2\n\t"                                                                     \
    "smmulr r4, r4, lr\n\t" /* r * hn */                                                            \
    "pkhbt r6, r6, r4, lsl #16\n\t"                                                                 \
    "smuad r6, r6, r7\n\t"                                                                          \
    "add r6, r6, r6, asr #31\n\t"                                                                   \
    "smmulr r6, r6, r8\n\t"                                                                         \
    "ldrsh r4, [r1]\n\t"                                                                            \
    "add r6, r6, r6, lsl #1\n\t"                                                                    \
    "ssat r7, #9, r6, asr #8\n\t"                                                                   \
    "pkhbt r8, r9, r6, lsl #16\n\t"                                                                 \
    "ldr r7, [r11, r7, lsl #2]\n\t"                                                                 \
    "add r6, r10, r6, asr #31\n\t"                                                                  \
    "smlad r6, r7, r8, r6\n\t"                                                                      \
    "sbfx r6, r6, #8, #16\n\t" /* n */                                                              \
    "sub r4, r4, r6\n\t"                                                                            \
    "add r2, r4, r4, lsr #31\n\t"                                                                   \
    "sub r4, r4, r2, asr #1\n\t" /* d: what halving towards zero leaves */                          \
    "orr r2, r12, r4, asr #31\n\t"                                                                  \
    "smlabb r4, r5, r4, r2\n\t"                                                                     \
    "smmulr r4, r4, lr\n\t" /* z * d */                                                             \
    "add r6, r6, r4, lsl #1\n\t"                                                                    \
    "ssat r6, #16, r6\n\t"                                                                          \
    "strh r6, [r1], #2\n\t"                                                                         \
    ".endr\n\t"                                                                                     \
    "ldr r2, [sp]\n\t"                                                                              \
    "cmp r1, r2\n\t"                                                                                \
    "bne.w 1b\n\t"                                                                                  \
    "add sp, sp, #4\n\t"                                                                            \
    "pop {r4-r11, pc}\n\t"
/* clang-format on */

#endif

#endif
