/* The double buffer of the package `ear` sample by sample: a receiving and a sending DMA, a main loop that takes time.
 *
 * in.raw -> out.raw. Scenarios: "steady"; "lead P T": the sending DMA starts HOP + P samples after the receiving one and a block
 * takes T samples; "stall B N": block B takes N hops; "away B N": before block B the main loop does nothing for N hops;
 * "destroy B": before block B the context is overwritten. Time passes in block_begins, which ear_stream.c calls as
 * STAPES_STREAM_INVALIDATE and which sees to it that no torn block is taken. The stream learns where the DMA is from its
 * place in the circle and a clock that is 1 % fast and wraps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ear_stream.h"
#include "package_stream.h"

enum { HOP = EAR_HOP, LONGEST = 100000 };

/* What the position is when the time is 0: it wraps in the middle of a recording. */
#define BEFORE (UINT32_MAX - 63u * (uint32_t)HOP)

static ear_stream stream;
static int16_t given[LONGEST], sent[LONGEST];

static struct {
    long time;    /* samples so far */
    long samples; /* of the recording */
    long start;   /* when the sending DMA starts */
    long away;    /* before this block nothing is done for `gone` hops, or -1 */
    long gone;
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
}

static stapes_dma dma;

/* Begins shortly before it wraps. */
static uint32_t ticks(void)
{
    return UINT32_MAX - 5000u + (uint32_t)(at.time * 1010 / EAR_SAMPLE_RATE);
}

static uint32_t position(void *user)
{
    const uint32_t found = stapes_dma_at(&dma, (uint32_t)(at.time % (2 * HOP)), ticks());
    if (user != &dma || found != (uint32_t)at.time) {
        exit(EXIT_FAILURE);
    }
    return found + BEFORE;
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
    if (memcmp(half, &given[(at.time / HOP - 1) * HOP], bytes) != 0) {
        exit(EXIT_FAILURE);
    }
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
    while (at.time < at.samples) {
        if (at.done == destroyed) {
            memset(&stream.context, 0x55, sizeof stream.context);
        }
        for (; at.done == at.away && at.gone > 0 && at.time < at.samples; at.gone -= at.time % HOP == 0 ? 1 : 0) {
            tick();
        }
        if (!ear_stream_poll(&stream)) {
            tick();
        } else if (at.cleaned != ++at.done + 2) {
            exit(EXIT_FAILURE);
        }
    }
}

/* What must be refused; leaves a stream that is ready. */
static bool prepared(void)
{
    static uint32_t room[sizeof(ear_stream) / 4u + 16u];
    char *const bytes = (char *)room;
    for (uintptr_t offset = 4; offset < 32u; offset += 4u) {
        const uintptr_t line = (uintptr_t)bytes + (32u - (uintptr_t)bytes % 32u) % 32u;
        if (ear_stream_init((ear_stream *)(line + offset), position, &dma) != STAPES_MISALIGNED) {
            return false;
        }
    }
    if (stapes_dma_start(NULL, 1, 1, 1, 0) != STAPES_NULL_POINTER ||
        stapes_dma_start(&dma, 0, 1, 1, 0) != STAPES_OUT_OF_RANGE ||
        stapes_dma_start(&dma, 1, 0, 1, 0) != STAPES_OUT_OF_RANGE ||
        stapes_dma_start(&dma, 1, 1, 0, 0) != STAPES_OUT_OF_RANGE ||
        stapes_dma_start(&dma, 2 * HOP, EAR_SAMPLE_RATE, 1000, ticks()) != STAPES_OK) {
        return false;
    }
    if (ear_stream_init(NULL, position, &dma) != STAPES_NULL_POINTER ||
        ear_stream_init(&stream, NULL, &dma) != STAPES_NULL_POINTER ||
        ear_stream_init(&stream, position, &dma) != STAPES_OK) {
        return false;
    }
    stream.origin = BEFORE;
    return !ear_stream_poll(&stream);
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
    at.away = -1;
    at.stalled = -1;
    if (sscanf(what, "lead %ld %ld", &lead, &at.taken) == 2) {
        at.start = HOP + lead;
    } else if (sscanf(what, "stall %ld %ld", &at.stalled, &at.extra) == 2) {
        at.extra *= HOP;
    } else if (sscanf(what, "away %ld %ld", &at.away, &at.gone) != 2) {
        (void)sscanf(what, "destroy %ld", &destroyed);
    }
    if (!prepared()) {
        return EXIT_FAILURE;
    }
    run(destroyed);
    file = fopen("out.raw", "wb");
    if (file == NULL || fwrite(sent, sizeof *sent, (size_t)at.samples, file) != (size_t)at.samples ||
        fclose(file) != 0) {
        return EXIT_FAILURE;
    }
    printf("overruns %lu, status %d\n", (unsigned long)stream.overruns, (int)stream.status);
    return EXIT_SUCCESS;
}
