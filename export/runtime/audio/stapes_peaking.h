#ifndef STAPES_PEAKING_H
#define STAPES_PEAKING_H

/* Frequency, gain and Q of a peak to the coefficients of a section. The Python twin, with the formulas, stands in
 * firmware_sim/audio/peaking.py.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/peaking.py. */
typedef struct {
    int32_t half_rate_q16;
    int32_t highest_q16;
    int32_t terms;
    const int32_t *sine_q29;   /* [terms] */
    const int32_t *cosine_q29; /* [terms] */
} stapes_peaking_tables;

/* log2 of the frequency in Hz, -12 to 12 dB, log2 of a Q of 0.5 to 5 -> coefficients_q30[5]: b0, b1, b2, -a1, -a2, stable and
 * for stapes_biquad.
 */
void stapes_peaking(const stapes_peaking_tables *tables, int32_t octaves_q16, int32_t gain_db_q16, int32_t quality_q16,
                    int32_t *coefficients_q30);

#ifdef __cplusplus
}
#endif

#endif
