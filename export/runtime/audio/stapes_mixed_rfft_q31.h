#ifndef STAPES_MIXED_RFFT_Q31_H
#define STAPES_MIXED_RFFT_Q31_H

/* The real transform of the lengths that CMSIS-DSP has none for: even, no prime factor above 5, 16 to 2,048 points. The Python
 * twin is firmware_sim/audio/mixed_rfft_q31.py; what bounds its numbers is told in quantize/mixed_rfft.py.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Made by mixed_rfft_tables in quantize/mixed_rfft.py. */
typedef struct {
    uint16_t length;            /* N */
    uint16_t stage_count;
    const uint16_t *stages;     /* [2 * stage_count] radix and shift in turn */
    const int32_t *twiddle_q31; /* cos and sin in turn, stage after stage, divided as the stage does */
    const int32_t *split_q31;   /* cos and sin in turn of 2 pi k / N, k = 1 .. (N / 2 - 1) / 2 */
} stapes_mixed_rfft_tables;

/* time[N], -2^28 to 2^28 -> spectrum[N + 2], real and imaginary part of the bins 0 to N / 2: the transform times 4 / 2^m, for
 * the least m with 2^m >= N. Destroys `time`.
 */
void stapes_mixed_rfft_q31(const stapes_mixed_rfft_tables *tables, int32_t *time, int32_t *spectrum);

/* spectrum[N + 2], any values -> time[N], and as result the block's exponent e, 0 to 31: the inverse, its 1 / N included,
 * times N / 2^m * 2^(e - 3). Destroys `spectrum`; the imaginary parts of its first and its last bin are not looked at.
 */
int32_t stapes_mixed_irfft_q31(const stapes_mixed_rfft_tables *tables, int32_t *spectrum, int32_t *time);

#ifdef __cplusplus
}
#endif

#endif
