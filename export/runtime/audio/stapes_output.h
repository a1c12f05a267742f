#ifndef STAPES_OUTPUT_H
#define STAPES_OUTPUT_H

/* Stage `output`: sound in 32 bits to the samples of the receiver.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Explained in quantize/audio/output.py. */
typedef struct {
    int32_t hop;
} stapes_output_params;

/* sound_q25[hop] -> output_q15[hop], rounded and saturated. */
void stapes_output(const stapes_output_params *p, const int32_t *sound_q25, int16_t *output_q15);

#ifdef __cplusplus
}
#endif

#endif
