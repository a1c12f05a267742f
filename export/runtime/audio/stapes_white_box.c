#include "stapes_white_box.h"

#include <stddef.h>

#include "stapes_audio_scalar.h"

#define ONE_Q29 (1 << 29)
#define LOWEST_Q8 (20 * 256)
#define RANGE_Q8 (19980 * 256)
/* Beyond it a frequency is that of an end. */
#define MOST_OCTAVES_Q16 (20 * 65536)
/* Equal to LOG2_E_Q30 in quantize/audio/white_box.py. */
#define LOG2_E_Q30 1549082005

/* A code of the logit, in powers of two. */
static int32_t octaves_q16(int32_t code, int32_t scale_q31)
{
    const int64_t step_q31 = ((int64_t)scale_q31 * LOG2_E_Q30 + (1 << 29)) >> 30;
    const int64_t octaves = (code * step_q31 + (1 << 14)) >> 15;
    if (octaves < -MOST_OCTAVES_Q16) {
        return -MOST_OCTAVES_Q16;
    }
    return octaves < MOST_OCTAVES_Q16 ? (int32_t)octaves : MOST_OCTAVES_Q16;
}

/* 20 + 19980 / (1 + 2^-octaves): the half above the middle is computed, the other one is its mirror. */
static int32_t frequency_q8(int32_t octaves)
{
    const int32_t size = octaves < 0 ? -octaves : octaves;
    const int32_t part_q30 = stapes_inverse_q30(ONE_Q29 + stapes_exp2(-size, 29));
    const int32_t upper_q8 = (int32_t)(((int64_t)RANGE_Q8 * part_q30 + (1 << 29)) >> 30);
    return LOWEST_Q8 + (octaves < 0 ? RANGE_Q8 - upper_q8 : upper_q8);
}

stapes_status stapes_white_box(const stapes_white_box_heads *heads, stapes_steered_equaliser_controls *controls)
{
    if (heads == NULL || controls == NULL || heads->frequency == NULL || heads->gain_q15 == NULL ||
        heads->quality_q15 == NULL) {
        return STAPES_NULL_POINTER;
    }
    if (heads->bands < 1 || heads->bands > STAPES_STEERED_BANDS || heads->frequency_scale_q31 < 1) {
        return STAPES_OUT_OF_RANGE;
    }
    for (int32_t k = 0; k < heads->bands; k++) {
        /* 12 dB * 2^16 / 2^15, and 4.5 * 2^16 / 2^15 above 0.5. */
        const int32_t gain_q16 = 24 * heads->gain_q15[k];
        const int32_t weight_q15 = heads->weight_q15 != NULL ? heads->weight_q15[k] : 32768;
        controls->frequency_q8[k] = frequency_q8(octaves_q16(heads->frequency[k], heads->frequency_scale_q31));
        controls->gain_db_q16[k] = (int32_t)(((int64_t)gain_q16 * weight_q15 + (1 << 14)) >> 15);
        controls->quality_q16[k] = 32768 + 9 * heads->quality_q15[k];
    }
    return STAPES_OK;
}
