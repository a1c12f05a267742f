#include "stapes_biquad.h"

#include "../stapes_config.h"
#include "../stapes_core.h"

#if STAPES_CORTEX_M7

#include "../cortex_m7/stapes_cortex_m7_biquad.h"

STAPES_NAKED void stapes_biquad_pairs(STAPES_UNUSED const int32_t *coefficients_q30, STAPES_UNUSED int32_t *past_q25,
                                      STAPES_UNUSED uint32_t *rest_q55, STAPES_UNUSED int32_t *sound_q25,
                                      STAPES_UNUSED int32_t pairs)
{
    __asm__ volatile(STAPES_BIQUAD_PAIRS_ASSEMBLY);
}

#else

STAPES_HOT
void stapes_biquad_pairs(const int32_t *coefficients_q30, int32_t *past_q25, uint32_t *rest_q55, int32_t *sound_q25,
                         int32_t pairs)
{
    /* Copies, which sound_q25 cannot lie in, stay in registers. */
    const int32_t coefficients[5] = {coefficients_q30[0], coefficients_q30[1], coefficients_q30[2], coefficients_q30[3],
                                     coefficients_q30[4]};
    int32_t past[4] = {past_q25[0], past_q25[1], past_q25[2], past_q25[3]};
    uint32_t rest = *rest_q55;
    for (int32_t n = 0; n < 2 * pairs; n++) {
        sound_q25[n] = stapes_biquad_sample(coefficients, past, &rest, sound_q25[n]);
    }
    for (int32_t n = 0; n < 4; n++) {
        past_q25[n] = past[n];
    }
    *rest_q55 = rest;
}

#endif
