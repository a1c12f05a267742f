/* The double buffer of the package `ear` sample by sample: a receiving and a sending DMA, a main loop that takes time.
 *
 * in.raw -> out.raw. Scenarios: "steady"; "lead P T": the sending DMA starts HOP + P samples after the receiving one and a block
 * takes T samples; "stall B N": block B takes N hops; "miss B": the interrupt of block B is lost; "destroy B": before block B
 * the context is overwritten. Time passes in block_begins, which ear_stream.c calls as STAPES_STREAM_INVALIDATE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ear_stream.h"
#include "package_stream.h"

enum { HOP = EAR_HOP, LONGEST = 100000 };

static ear_stream stream;
static int16_t given[LONGEST], sent[LONGEST];

static struct {
    long time;    /* samples so far */
    long samples; /* of the recording */
    long start;   /* when the sending DMA starts */
    long missed;  /* the block whose interrupt is lost, or -1 */
    long taken;   /* samples that a block takes */
    long stalled; /* the block that takes `extra` samples, or -1 */
    long extra;
    long done;    /* blocks */
    int half;     /* of the block that is computed */
    long cleaned; /* halves, and both buffers at first */
} at;

static void tick(void)
{
    const long t = at.time++;
    stream.in[t / HOP % 2][t % HOP] = given[t];
    if (t >= at.start) {
        const long s = t - at.start;
        sent[t] = stream.out[s / HOP % 2][s % HOP];
    }
    if (t % HOP == HOP - 1 && t / HOP != at.missed) {
        ear_stream_half_complete(&stream, (int)(t / HOP % 2));
    }
}

void block_begins(const void *half, size_t bytes)
{
    const long taken = at.done == at.stalled ? at.extra : at.taken;
    if (half != stream.in[0] && half != stream.in[1]) {
        exit(EXIT_FAILURE);
    }
    if (bytes != HOP * sizeof(int16_t)) {
        exit(EXIT_FAILURE);
    }
    at.half = half == stream.in[1] ? 1 : 0;
    for (long i = 0; i < taken && at.time < at.samples; i++) {
        tick();
    }
}

void block_ends(const void *half, size_t bytes)
{
    if (at.cleaned >= 2 && (half != stream.out[at.half] || bytes != HOP * sizeof(int16_t))) {
        exit(EXIT_FAILURE);
    }
    at.cleaned++;
}

static void run(long destroyed)
{
    for (; at.time < at.samples; at.done++) {
        while (stream.completed == stream.processed && at.time < at.samples) {
            tick();
        }
        if (at.done == destroyed) {
            memset(&stream.context, 0x55, sizeof stream.context);
        }
        if (ear_stream_poll(&stream) && at.cleaned != at.done + 3) {
            exit(EXIT_FAILURE);
        }
    }
}

int main(int argc, char **argv)
{
    const char *const what = argc > 1 ? argv[1] : "";
    long lead = 0, destroyed = -1;
    FILE *file = fopen("in.raw", "rb");
    if (file == NULL) {
        return EXIT_FAILURE;
    }
    at.samples = (long)fread(given, sizeof *given, LONGEST, file);
    (void)fclose(file);
    at.missed = -1;
    at.stalled = -1;
    if (sscanf(what, "lead %ld %ld", &lead, &at.taken) == 2) {
        at.start = HOP + lead;
    } else if (sscanf(what, "stall %ld %ld", &at.stalled, &at.extra) == 2) {
        at.extra *= HOP;
    } else if (sscanf(what, "miss %ld", &at.missed) != 1) {
        (void)sscanf(what, "destroy %ld", &destroyed);
    }
    if (ear_stream_init(NULL) != STAPES_NULL_POINTER || ear_stream_init(&stream) != STAPES_OK || ear_stream_poll(&stream)) {
        return EXIT_FAILURE;
    }
    run(destroyed);
    file = fopen("out.raw", "wb");
    if (file == NULL || fwrite(sent, sizeof *sent, (size_t)at.samples, file) != (size_t)at.samples || fclose(file) != 0) {
        return EXIT_FAILURE;
    }
    printf("overruns %lu, status %d\n", (unsigned long)stream.overruns, (int)stream.status);
    return EXIT_SUCCESS;
}
