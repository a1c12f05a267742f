#ifndef STAPES_CORTEX_M7_H
#define STAPES_CORTEX_M7_H

/* All assembly of the runtime, with stapes_cortex_m7_gru.h for small GRUs: DSP instructions of the Cortex-M7 that no C
 * compiler finds by itself, and the inner loops. Each has a twin in portable C with the same bits, in stapes_intrinsics.h
 * or in the file of the function. Cores with the same instructions (Cortex-M4, M33) take the assembly too;
 * -DSTAPES_CORTEX_M7=0 takes the portable twins everywhere.
 *
 * MISRA C:2012 deviates here in rule 1.2 (the extensions __asm__ and __attribute__ of GCC and Clang); directive 4.3 is
 * kept: assembly stands in functions of nothing else.
 */

#include "stapes_config.h"

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

/* c + round(a * b / 2^32), half upwards. */
static inline int32_t stapes_add_high_product(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* c + round(-a * b / 2^32), half upwards. */
static inline int32_t stapes_subtract_high_product(int32_t c, int32_t a, int32_t b)
{
    int32_t rest;
    __asm__("smmlsr %0, %1, %2, %3" : "=r"(rest) : "r"(a), "r"(b), "r"(c));
    return rest;
}

/* The sum of the products of both pairs of signed halfwords. */
static inline int32_t stapes_dual_product(uint32_t a, uint32_t b)
{
    int32_t sum;
    __asm__("smuad %0, %1, %2" : "=r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* c + a * b / 2^16, rounded downwards, for b the lower or the upper halfword of two. */
static inline int32_t stapes_add_low_product(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlawb %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

static inline int32_t stapes_add_upper_product(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* c + a * b for the lower or the upper halfwords of a and b. */
static inline int32_t stapes_add_low_halves(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

static inline int32_t stapes_add_upper_halves(int32_t c, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* The lower halfwords of two words in one: that of `upper` above that of `lower`. */
static inline int32_t stapes_join_halves(int32_t lower, int32_t upper)
{
    int32_t both;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(both) : "r"(lower), "r"(upper));
    return both;
}

/* The upper halfword of x above zeros. */
static inline int32_t stapes_upper_alone(int32_t x)
{
    int32_t upper;
    __asm__("pkhtb %0, %1, %2" : "=r"(upper) : "r"(x), "r"(0));
    return upper;
}

/* For each halfword of x: that of a where it is 0 or more, else that of b. */
static inline int32_t stapes_choose_by_sign(int32_t x, int32_t a, int32_t b)
{
    int32_t chosen;
    __asm__("sadd16 %0, %1, %2\n\tsel %0, %3, %4" : "=&r"(chosen) : "r"(x), "r"(0), "r"(a), "r"(b));
    return chosen;
}

/* c + the sum of the products of both pairs of signed halfwords. */
static inline int32_t stapes_add_dual_product(int32_t c, uint32_t a, uint32_t b)
{
    int32_t sum;
    __asm__("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
    return sum;
}

/* x, at most 2^15 - 1 and at least -2^15. */
static inline int32_t stapes_saturate_s16(int32_t x)
{
    int32_t saturated;
    __asm__("ssat %0, #16, %1" : "=r"(saturated) : "r"(x));
    return saturated;
}

/* x, at most 127 and at least -128. */
static inline int32_t stapes_saturate_s8(int32_t x)
{
    int32_t saturated;
    __asm__("ssat %0, #8, %1" : "=r"(saturated) : "r"(x));
    return saturated;
}

/* Blocks of 16 halfwords, one after the other; both lie on boundaries of 4 bytes. At least one block. */
static inline void stapes_move_blocks(int16_t *to, const int16_t *from, int32_t blocks)
{
    __asm__ volatile("1:\n\t"
                     "ldm %1!, {r3, r4, r5, r6, r8, r9, r10, r12}\n\t"
                     "subs %2, %2, #1\n\t"
                     "stm %0!, {r3, r4, r5, r6, r8, r9, r10, r12}\n\t"
                     "bne 1b"
                     : "+r"(to), "+r"(from), "+r"(blocks)
                     :
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "cc", "memory");
}

/* The sum and the square of the low or of the high halfword of a pair. */
static inline int64_t stapes_add_low_square(int64_t sum, uint32_t pair)
{
    __asm__("smlalbb %Q0, %R0, %1, %1" : "+r"(sum) : "r"(pair));
    return sum;
}

static inline int64_t stapes_add_high_square(int64_t sum, uint32_t pair)
{
    __asm__("smlaltt %Q0, %R0, %1, %1" : "+r"(sum) : "r"(pair));
    return sum;
}

/* The inner loops take all fourteen registers, so that a function that holds one is naked.
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
#define STAPES_NAKED STAPES_HOT __attribute__((naked, noinline))
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

/* Pair sums of 64 bits, 4 columns a turn, 14 instructions for 16 products. Even sums r3 and r5, pair sums r4:r7 and r6:r8,
 * x in r9 and r10, weights in r2, r11, r12 and lr.
 */
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

/* Two channels of a depthwise convolution, stapes_depthwise_pair: r0 taps, r1 x, r2 and r3 the second and third row, on
 * the stack y, step and positions.
 *
 * A position is read once and added to three outputs: its left neighbour's, which is then whole (r4, r5), its own
 * (r6, r7, which move to r4 and r5 as they are added to) and its right neighbour's. The first two rows of x lie in one
 * word for each channel (r12, r11), so that SMLAD sums both; the third row of both channels is lr.
 *
 * Stack: [0] step in bytes, [4] end of x, [8] from x to the output of the position before, [48] to [56] the arguments.
 */
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

/* Rows of 16-bit weights times windows, stapes_window_rows: r0 words, r1 x, r2 turns, r3 blocks, on the stack y, step,
 * output_step and positions.
 *
 * A turn takes 8 columns of four rows, 21 instructions for 32 products: sums in r2 to r5, x in r6 to r9, weights in r10,
 * r11, r12 and lr. As above the loop is unrolled and entered where the rest makes up the window.
 *
 * Stack: [0] the window, [4] entry, [8] y, [12] end of the words, [16] words, [20] step in bytes, [24] from the end of
 * a position of y to the start of the next one, [28] positions left, [68] to [80] the arguments.
 */
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

#endif

#endif
