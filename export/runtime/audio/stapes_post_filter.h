#ifndef STAPES_POST_FILTER_H
#define STAPES_POST_FILTER_H

/* Stage `post_filter`: bins that the network made soft are made softer still.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/post_filter.py. */
typedef struct {
    int32_t bins; /* F */
    int32_t filtered_shift;
    int32_t beta_q28;
    int32_t above_q30; /* 1 + beta */
    int32_t terms;
    const int32_t *series_q28; /* [terms] of sin(pi sqrt(v) / 2)^2 / v, the last one first */
} stapes_post_filter_params;

/* spectrum_q31[F][2], the noisy one, filtered[F][2] -> filtered in its place; the last bin stays. */
void stapes_post_filter(const stapes_post_filter_params *p, const int32_t *spectrum_q31, int32_t *filtered);

#ifdef __cplusplus
}
#endif

#endif
