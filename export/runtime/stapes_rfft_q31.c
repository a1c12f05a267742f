#include "stapes_rfft_q31.h"

#include "dsp/transform_functions.h"

#if defined(ARM_MATH_MVEI) || defined(ARM_MATH_NEON)
#error "the vector transforms of CMSIS-DSP give other bits: build it for the DSP extension or for plain C"
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
