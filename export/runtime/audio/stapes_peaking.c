#include "stapes_peaking.h"

#include "stapes_audio_scalar.h"

#define ONE_Q29 (1 << 29)
#define ONE_Q30 (1 << 30)
/* Equal to ROOT_OCTAVES_Q32 in quantize/audio/peaking.py. */
#define ROOT_OCTAVES_Q32 356689313

static int32_t series(const int32_t *terms_q29, int32_t terms, int32_t square_q31)
{
    int32_t sum_q29 = terms_q29[0];
    for (int32_t n = 1; n < terms; n++) {
        sum_q29 = terms_q29[n] + stapes_shift_left(stapes_multiply_high(sum_q29, square_q31), 1);
    }
    return sum_q29;
}

/* round(a * b / 2^right), half upwards. */
static int32_t product(int32_t a, int32_t b, int32_t right)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << (right - 1))) >> right);
}

void stapes_peaking(const stapes_peaking_tables *tables, int32_t octaves_q16, int32_t gain_db_q16, int32_t quality_q16,
                    int32_t *coefficients_q30)
{
    const int32_t octaves = octaves_q16 < tables->highest_q16 ? octaves_q16 : tables->highest_q16;
    const int32_t part_q31 = stapes_exp2(octaves - tables->half_rate_q16, 31);
    const int32_t square_q31 = stapes_shift_left(stapes_multiply_high(part_q31, part_q31), 1);
    const int32_t sine_q28 = stapes_multiply_high(series(tables->sine_q29, tables->terms, square_q31), part_q31);
    const int32_t sine_q30 = stapes_shift_left(sine_q28, 2);
    const int32_t cosine_q30 = stapes_shift_left(series(tables->cosine_q29, tables->terms, square_q31), 1);
    const int32_t root_q16 = stapes_multiply_high(gain_db_q16, ROOT_OCTAVES_Q32);
    const int32_t half_q30 = product(sine_q30, cosine_q30, 30);
    const int32_t up_q29 = product(half_q30, stapes_exp2(root_q16 - quality_q16, 28), 29);
    const int32_t down_q29 = product(half_q30, stapes_exp2(-root_q16 - quality_q16, 28), 29);
    const int32_t inverse = stapes_inverse_q30(ONE_Q29 + down_q29);
    const int64_t largest = INT32_MAX;
    const int64_t b0_wide = ((int64_t)inverse * (ONE_Q29 + up_q29) + ((int64_t)1 << 28)) >> 29;
    const int32_t b0 = (int32_t)(b0_wide < largest ? b0_wide : largest);
    const int32_t twice = 2 * inverse;
    const int64_t bend_q30 = ((int64_t)product(sine_q30, sine_q30, 29) * inverse + ((int64_t)1 << 28)) >> 29;
    const int32_t b1 = (int32_t)((bend_q30 > 1 ? bend_q30 : 1) - twice);

    coefficients_q30[0] = b0;
    coefficients_q30[1] = b1;
    coefficients_q30[2] = twice - b0;
    coefficients_q30[3] = -b1;
    coefficients_q30[4] = ONE_Q30 - twice;
}
