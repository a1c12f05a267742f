#ifndef STAPES_CORTEX_M7_H
#define STAPES_CORTEX_M7_H

/* All assembly of the runtime: DSP instructions of the Cortex-M7 that no C compiler finds by itself, and the two inner
 * loops. Each has a twin in portable C with the same bits, in stapes_intrinsics.h and stapes_block_*.c. Cores with the
 * same instructions (Cortex-M4, M33) take it too; -DSTAPES_CORTEX_M7=0 takes the portable twins everywhere.
 *
 * MISRA C:2012 deviates here in rule 1.2 (the extensions __asm__ and __attribute__ of GCC and Clang); directive 4.3 is
 * kept: assembly stands in functions of nothing else.
 */

#ifndef STAPES_CORTEX_M7
#if defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FEATURE_DSP) && !defined(__ARM_BIG_ENDIAN)
#define STAPES_CORTEX_M7 1
#else
#define STAPES_CORTEX_M7 0
#endif
#endif

#if STAPES_CORTEX_M7

#include <stdint.h>

/* round(a * b / 2^32), half upwards. */
static inline int32_t stapes_high_product(int32_t a, int32_t b)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/* The inner loops take all fourteen registers, so that a function that holds one is naked.
 *
 * Arguments: r0 weights, r1 x, r2 groups, r3 bias, and sums on the stack. A word of weights holds two columns of a pair
 * of rows, halfwords 256 * odd + even. SMLAD (SMLALD) of the word itself sums 256 * odd + even, the "pair sum"; SXTB16
 * leaves the weights of the even row, and SMLAD sums them: 3 instructions for 4 products. At the end
 * odd = (pair sum - even sum) / 256.
 *
 * A turn takes a fixed number of columns of both pairs. Turns are unrolled, and the loop is entered at the turn from
 * which the rest makes up the groups: every instruction of a turn has 4 bytes, so the address is a multiplication away.
 * The end of x lies on the stack, where r12 is saved. No instruction follows directly on one whose result it needs.
 */
#define STAPES_NAKED __attribute__((naked, noinline))
#define STAPES_UNUSED __attribute__((unused))

/* Two columns of both pairs: words a and b of weights and one of x; pair sums p and q, even sums e and f. */
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

/* 8 columns a turn, 27 instructions for 32 products; an odd group of 4 columns goes first. Even sums r2 and r4, pair
 * sums r3 and r5, x in r6 to r9, weights in r10, r11, r12 and lr.
 */
#define STAPES_BLOCK_32_ASSEMBLY                                                           \
    "add r12, r1, r2, lsl #3\n\t"                                                          \
    "push {r4-r12, lr}\n\t"                                                                \
    "lsr r6, r2, #1\n\t"                                                                   \
    "rsb r6, r6, #0\n\t"                                                                   \
    "and r6, r6, #7\n\t" /* turns to leave out */                                          \
    "mov r7, #108\n\t"                                                                     \
    "adr.w r8, 1f + 1\n\t"                                                                 \
    "mla r12, r6, r7, r8\n\t"                                                              \
    "lsls r6, r2, #31\n\t"                                                                 \
    "ldm r3, {r2, r3, r4, r5}\n\t"                                                         \
    "add.w r3, r2, r3, lsl #8\n\t" /* pair sums begin at 256 * odd bias + even bias */     \
    "add.w r5, r4, r5, lsl #8\n\t"                                                         \
    "beq 2f\n\t"                                                                           \
    "ldrd r6, r7, [r1], #8\n\t"                                                            \
    "ldm r0!, {r8, r9, r10, r11}\n\t"                                                      \
    STAPES_TWO_COLUMNS_32("r8", "r9", "r6", "r3", "r2", "r5", "r4")                        \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r7", "r3", "r2", "r5", "r4")                      \
    "ldr r6, [sp, #32]\n\t"                                                                \
    "cmp r1, r6\n\t"                                                                       \
    "beq.w 3f\n"                                                                           \
    "2:\n\t"                                                                               \
    "bx r12\n\t"                                                                           \
    ".p2align 2\n"                                                                         \
    "1:\n\t"                                                                               \
    ".rept 8\n\t"                                                                          \
    "ldm.w r1!, {r6, r7, r8, r9}\n\t"                                                      \
    "ldm.w r0!, {r10, r11, r12, lr}\n\t"                                                   \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r6", "r3", "r2", "r5", "r4")                      \
    STAPES_TWO_COLUMNS_32("r12", "lr", "r7", "r3", "r2", "r5", "r4")                       \
    "ldm.w r0!, {r10, r11, r12, lr}\n\t"                                                   \
    STAPES_TWO_COLUMNS_32("r10", "r11", "r8", "r3", "r2", "r5", "r4")                      \
    STAPES_TWO_COLUMNS_32("r12", "lr", "r9", "r3", "r2", "r5", "r4")                       \
    ".endr\n\t"                                                                            \
    "ldr r12, [sp, #32]\n\t"                                                               \
    "cmp r1, r12\n\t"                                                                      \
    "bne.w 1b\n"                                                                           \
    "3:\n\t"                                                                               \
    "ldr r0, [sp, #40]\n\t"                                                                \
    "sub r3, r3, r2\n\t"                                                                   \
    "sub r5, r5, r4\n\t"                                                                   \
    "asr r3, r3, #8\n\t"                                                                   \
    "asr r5, r5, #8\n\t"                                                                   \
    "stm r0, {r2, r3, r4, r5}\n\t"                                                         \
    "pop {r4-r12, pc}\n\t"

/* 4 columns a turn, 14 instructions for 16 products. Even sums r3 and r5, pair sums r4:r7 and r6:r8, x in r9 and r10,
 * weights in r2, r11, r12 and lr. A pair sum and its even sum agree in their lowest 8 bits, so that both may be shifted
 * before they are subtracted.
 */
#define STAPES_BLOCK_64_ASSEMBLY                                                           \
    "add r12, r1, r2, lsl #3\n\t"                                                          \
    "push {r4-r12, lr}\n\t"                                                                \
    "rsb r2, r2, #0\n\t"                                                                   \
    "and r2, r2, #15\n\t" /* turns to leave out, of 56 bytes each */                       \
    "rsb r2, r2, r2, lsl #3\n\t"                                                           \
    "adr.w r12, 1f + 1\n\t"                                                                \
    "add r2, r12, r2, lsl #3\n\t"                                                          \
    "ldm r3, {r3, r4, r5, r6}\n\t"                                                         \
    "adds.w r7, r3, r4, lsl #8\n\t" /* pair sums begin at 256 * odd bias + even bias */    \
    "asr.w r4, r4, #24\n\t"                                                                \
    "adc.w r4, r4, r3, asr #31\n\t"                                                        \
    "adds.w r8, r5, r6, lsl #8\n\t"                                                        \
    "asr.w r6, r6, #24\n\t"                                                                \
    "adc.w r6, r6, r5, asr #31\n\t"                                                        \
    "bx r2\n\t"                                                                            \
    ".p2align 2\n"                                                                         \
    "1:\n\t"                                                                               \
    ".rept 16\n\t"                                                                         \
    "ldrd r9, r10, [r1], #8\n\t"                                                           \
    "ldm.w r0!, {r2, r11, r12, lr}\n\t"                                                    \
    STAPES_TWO_COLUMNS_64("r2", "r11", "r9", "r7", "r4", "r3", "r8", "r6", "r5")           \
    STAPES_TWO_COLUMNS_64("r12", "lr", "r10", "r7", "r4", "r3", "r8", "r6", "r5")          \
    ".endr\n\t"                                                                            \
    "ldr r12, [sp, #32]\n\t"                                                               \
    "cmp r1, r12\n\t"                                                                      \
    "bne.w 1b\n\t"                                                                         \
    "ldr r0, [sp, #40]\n\t"                                                                \
    "lsr.w r7, r7, #8\n\t"                                                                 \
    "lsr.w r8, r8, #8\n\t"                                                                 \
    "orr r7, r7, r4, lsl #24\n\t"                                                          \
    "orr r8, r8, r6, lsl #24\n\t"                                                          \
    "sub.w r4, r7, r3, asr #8\n\t"                                                         \
    "sub.w r6, r8, r5, asr #8\n\t"                                                         \
    "stm r0, {r3, r4, r5, r6}\n\t"                                                         \
    "pop {r4-r12, pc}\n\t"

#endif

#endif
