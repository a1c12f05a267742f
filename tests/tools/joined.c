/* A decoder's program and a path's program in one: reads the number of hops, hops from one latent to the next, the codes of the
 * latents and the samples; writes the samples.
 */

#include <stdio.h>

#include "ear/ear.h"
#include "decoder/decoder.h"

static decoder_context decoder;
static ear_context ear;

static int take(void *to, size_t size, size_t count)
{
    return fread(to, size, count, stdin) == count;
}

/* A latent becomes controls, in force from the next hop on. */
static int set_latent(const int16_t *latent)
{
    static int16_t frequency[DECODER_FREQUENCY_SIZE];
    static int16_t gain[DECODER_GAIN_SIZE];
    static int16_t quality[DECODER_QUALITY_SIZE];
    const stapes_white_box_heads heads = {
        DECODER_FREQUENCY_SIZE, DECODER_FREQUENCY_SCALE_Q31, frequency, gain, quality, NULL};
    ear_controls controls;
    return decoder_network(&decoder, latent, frequency, gain, quality) == STAPES_OK &&
           ear_get_controls(&ear, &controls) == STAPES_OK &&
           stapes_white_box(&heads, &controls.steered_equaliser) == STAPES_OK &&
           ear_set_controls(&ear, &controls) == STAPES_OK;
}

int main(void)
{
    static int16_t latents[16][DECODER_LATENT_SIZE];
    static int16_t block[EAR_HOP];
    int32_t head[3];
    if (!take(head, sizeof(int32_t), 3) || head[2] > 16 || !take(latents, sizeof(latents[0]), (size_t)head[2])) {
        return 1;
    }
    if (decoder_init(&decoder, sizeof(decoder)) != STAPES_OK || ear_init(&ear, sizeof(ear)) != STAPES_OK) {
        return 2;
    }
    for (int32_t hop = 0; hop < head[0]; hop++) {
        if (hop % head[1] == 0 && hop / head[1] < head[2] && !set_latent(latents[hop / head[1]])) {
            return 3;
        }
        if (!take(block, sizeof(int16_t), EAR_HOP) || ear_process(&ear, block, block) != STAPES_OK) {
            return 4;
        }
        (void)fwrite(block, sizeof(int16_t), EAR_HOP, stdout);
    }
    return 0;
}
