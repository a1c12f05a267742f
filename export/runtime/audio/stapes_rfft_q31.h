#ifndef STAPES_RFFT_Q31_H
#define STAPES_RFFT_Q31_H

/* The real transform of CMSIS-DSP (arm_rfft_q31) with constants of one length only: CMSIS-DSP's own initialisation ties
 * in split tables of 64 KiB for its longest transform. The Python twin is firmware_sim/audio/rfft_q31.py.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Made by rfft_tables in quantize/audio/rfft.py. */
typedef struct {
    uint16_t length;               /* N, a power of two */
    uint16_t bit_reversal_length;  /* entries of bit_reversal */
    const int32_t *twiddle_q31;    /* [3 * N / 4] cos and sin in turn */
    const uint16_t *bit_reversal;  /* pairs of byte offsets to swap */
    const int32_t *split_a_q31;    /* [N] */
    const int32_t *split_b_q31;    /* [N] */
} stapes_rfft_tables;

/* time[N] -> spectrum[2 * N], scaled by 1 / N; the first N + 2 values are real and imaginary part of the bins 0 to N / 2.
 * Destroys `time`, whose values lie in -2^30 .. 2^30 - 1: half of full scale, so that no stage overflows.
 */
void stapes_rfft_q31(const stapes_rfft_tables *tables, int32_t *time, int32_t *spectrum);

/* spectrum[N + 2] -> time[N], the inverse with its 1 / N. */
void stapes_irfft_q31(const stapes_rfft_tables *tables, int32_t *spectrum, int32_t *time);

#ifdef __cplusplus
}
#endif

#endif
