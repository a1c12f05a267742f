#include "stapes_rfft_q31.h"

/* The vector transforms of CMSIS-DSP (Helium, Neon) give other bits. Where its build takes them, the plain C ones are compiled
 * here under names of their own; ARM_MATH_AUTOVECTORIZE for the whole build makes that needless.
 */
#if defined(ARM_MATH_NEON)
#define STAPES_PLAIN_TRANSFORM
#elif defined(ARM_MATH_AUTOVECTORIZE)
#elif defined(__ARM_FEATURE_MVE) || defined(ARM_MATH_HELIUM) || defined(ARM_MATH_MVEI)
#define STAPES_PLAIN_TRANSFORM
#endif

#ifdef STAPES_PLAIN_TRANSFORM
#undef ARM_MATH_NEON
#undef ARM_MATH_AUTOVECTORIZE
#define ARM_MATH_AUTOVECTORIZE
#define arm_bitreversal_16 stapes_arm_bitreversal_16
#define arm_bitreversal_32 stapes_arm_bitreversal_32
#define arm_bitreversal_64 stapes_arm_bitreversal_64
#define arm_bitreversal_f32 stapes_arm_bitreversal_f32
#define arm_bitreversal_q15 stapes_arm_bitreversal_q15
#define arm_bitreversal_q31 stapes_arm_bitreversal_q31
#define arm_cfft_q31 stapes_arm_cfft_q31
#define arm_cfft_radix4_q31 stapes_arm_cfft_radix4_q31
#define arm_cfft_radix4by2_inverse_q31 stapes_arm_cfft_radix4by2_inverse_q31
#define arm_cfft_radix4by2_q31 stapes_arm_cfft_radix4by2_q31
#define arm_radix4_butterfly_inverse_q31 stapes_arm_radix4_butterfly_inverse_q31
#define arm_radix4_butterfly_q31 stapes_arm_radix4_butterfly_q31
#define arm_rfft_q31 stapes_arm_rfft_q31
#define arm_shift_q31 stapes_arm_shift_q31
#define arm_split_rfft_q31 stapes_arm_split_rfft_q31
#define arm_split_rifft_q31 stapes_arm_split_rifft_q31
#include "../Source/BasicMathFunctions/arm_shift_q31.c"
#include "../Source/TransformFunctions/arm_bitreversal.c"
#include "../Source/TransformFunctions/arm_bitreversal2.c"
#include "../Source/TransformFunctions/arm_cfft_q31.c"
#include "../Source/TransformFunctions/arm_cfft_radix4_q31.c"
#include "../Source/TransformFunctions/arm_rfft_q31.c"
#else
#include "dsp/transform_functions.h"
#endif

static void transform(const stapes_rfft_tables *tables, uint8_t inverse, int32_t *from, int32_t *to)
{
    arm_cfft_instance_q31 complex_half;
    arm_rfft_instance_q31 real;
    complex_half.fftLen = (uint16_t)(tables->length >> 1);
    complex_half.pTwiddle = tables->twiddle_q31;
    complex_half.pBitRevTable = tables->bit_reversal;
    complex_half.bitRevLength = tables->bit_reversal_length;
    real.fftLenReal = tables->length;
    real.ifftFlagR = inverse;
    real.bitReverseFlagR = 1;
    real.twidCoefRModifier = 1;
    real.pTwiddleAReal = tables->split_a_q31;
    real.pTwiddleBReal = tables->split_b_q31;
    real.pCfft = &complex_half;
    arm_rfft_q31(&real, from, to);
}

void stapes_rfft_q31(const stapes_rfft_tables *tables, int32_t *time, int32_t *spectrum)
{
    transform(tables, 0, time, spectrum);
}

void stapes_irfft_q31(const stapes_rfft_tables *tables, int32_t *spectrum, int32_t *time)
{
    transform(tables, 1, spectrum, time);
}
