#ifndef STAPES_AUDIO_H
#define STAPES_AUDIO_H

/* The fixed-point path of the sound around the network: a chain of stages, one hop of samples in, one hop out.
 *
 * A stage stands in stapes_KIND.h and stapes_KIND.c: stapes_KIND_params, its constants; stapes_KIND_state, where it has one, whose
 * arrays belong to the caller; stapes_KIND_reset, back to the start of a stream; and stapes_KIND, one frame. A function takes
 * constants, state, what it reads, memory that is used within the call only, and what it makes, in this order. What a program
 * calls, in which order and on which memory, stands in its NAME_process.
 *
 * This header holds what stands between the stages and the network:
 * features_q20 -> stapes_audio_quantise_s8/_s16 -> network -> stapes_audio_mask_s8/_s16 -> mask_q15.
 *
 * A name ends in its format: power_q40 holds power * 2^40. The Python twins stand in firmware_sim/audio under the same
 * names, with the same steps and the same bits. Pointers are never null unless it is said. Nothing allocates, recurses,
 * keeps a state of its own or uses floating point.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor of the network: feature_scaling, mask_scaling in quantize/audio/scaling.py. */
typedef struct {
    int32_t multiplier_q31;
    int32_t shift;
    int32_t zero_point;
    int32_t minimum; /* of the values of the input; of mask_q15 */
    int32_t maximum;
} stapes_audio_tensor;

/* features_q20[size] -> y[size], the network's input. */
void stapes_audio_quantise_s8(const stapes_audio_tensor *tensor, int32_t size, const int32_t *features_q20, int8_t *y);
void stapes_audio_quantise_s16(const stapes_audio_tensor *tensor, int32_t size, const int32_t *features_q20,
                               int16_t *y);

/* x[size], the network's output -> mask_q15[size]. */
void stapes_audio_mask_s8(const stapes_audio_tensor *tensor, int32_t size, const int8_t *x, int16_t *mask_q15);
void stapes_audio_mask_s16(const stapes_audio_tensor *tensor, int32_t size, const int16_t *x, int16_t *mask_q15);

#ifdef __cplusplus
}
#endif

#endif
