/* Streams a file of samples through the program, hop by hop, from reset.
 *
 * controls.in: of a program with controls, hops before which they are set, uint32, each with the words that are set, in order.
 * audio.in -> audio.out, int16 little-endian, whole hops; ticks.out: the board's counter over each call, uint32;
 * frames.out: every traced tensor of each hop, one behind the other, where the program was built with STAPES_TRACE.
 * Compiled with the defines of the shim. An emulator without files calls the shim itself, on `device_context`.
 */
#include STAPES_HEADER

#ifdef STAPES_SELF_TEST_HEADER
#include STAPES_SELF_TEST_HEADER
#endif

#include <stdbool.h>

#include "semihosting.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONTEXT JOIN(STAPES_NAME, _context)
#define HOP JOIN(STAPES_NAME_UPPER, _HOP)
#define EXCHANGE __attribute__((section(".exchange")))
#define KEPT __attribute__((section(".kept"), used))

enum { HOPS_A_READ = 256, TRACE_BYTES = 8 * 1024 * 1024 };
enum { FAILED_CONTROLS = 90, FAILED_FILE = 100, FAILED_INIT = 110, FAILED_PROCESS = 120 };

int shim_init(CONTEXT *ctx);
int shim_run(CONTEXT *ctx, const int16_t *in, int16_t *out, size_t hops, unsigned char *frames, size_t frame_bytes);

CONTEXT device_context;

/* What a firmware calls; the linker would drop what only an emulator calls by name. */
typedef void (*entry_point)(void);
KEPT static const entry_point entry_points[] = {
    (entry_point)JOIN(STAPES_NAME, _init),         (entry_point)JOIN(STAPES_NAME, _reset),
    (entry_point)JOIN(STAPES_NAME, _process),
#ifdef STAPES_MEMBERS
    (entry_point)JOIN(STAPES_NAME, _set_controls),
#endif
#ifdef STAPES_LATENT
    (entry_point)JOIN(STAPES_NAME, _set_latent),
#endif
#ifdef STAPES_SELF_TEST_HEADER
    (entry_point)JOIN(STAPES_NAME, _self_test),
#endif
};

EXCHANGE static int16_t samples_in[HOPS_A_READ * HOP];
EXCHANGE static int16_t samples_out[HOPS_A_READ * HOP];
EXCHANGE static uint32_t ticks[HOPS_A_READ];

#ifdef STAPES_TRACE
int shim_tensors(void);
int shim_tensor_bytes(int tensor);

EXCHANGE static unsigned char frame[TRACE_BYTES];

/* Nothing on the device reads the names, but the emulator's side does. */
KEPT static const char *const *const names = JOIN(STAPES_NAME, _tensor_names);

static size_t frame_size(void)
{
    size_t size = 0;
    for (int tensor = 0; tensor < shim_tensors(); tensor++) {
        size += (size_t)shim_tensor_bytes(tensor);
    }
    return size;
}
#else
static unsigned char *const frame = NULL;

static size_t frame_size(void)
{
    return 0;
}
#endif

/* Where the board has a counter that runs by itself. */
#define COUNTER (*(volatile const uint32_t *)DEVICE_COUNTER)

#define OPEN(name, mode) semihosting_open(name, sizeof(name) - 1u, mode)

typedef struct {
    int32_t in, out, ticks, frames, controls;
} files;

#ifdef STAPES_CONTROLS
int shim_set_controls(CONTEXT *ctx, const void *words);

/* The next change: read when the one before it was set. */
static struct {
    uint32_t hop;
#ifdef STAPES_MEMBERS
    JOIN(STAPES_NAME, _controls) members;
#endif
#ifdef STAPES_LATENT
    int32_t latent[JOIN(STAPES_NAME_UPPER, _LATENT_VALUES)];
#endif
} change;
static bool waiting;
static uint32_t hops_done;

static int set_controls(const files *file)
{
    int status = 0;
    if (hops_done == 0u) {
        waiting = semihosting_read(file->controls, &change, sizeof change) == sizeof change;
    }
    while (waiting && change.hop == hops_done && status == 0) {
        status = shim_set_controls(&device_context, (const unsigned char *)&change + sizeof change.hop);
        waiting = semihosting_read(file->controls, &change, sizeof change) == sizeof change;
    }
    hops_done++;
    return status;
}
#else
static int set_controls(const files *file)
{
    (void)file;
    return 0;
}
#endif

static int run_hops(const files *file, size_t hops, size_t frame_bytes)
{
    for (size_t t = 0; t < hops; t++) {
        const int refused = set_controls(file);
        if (refused != 0) {
            return FAILED_CONTROLS + refused;
        }
        const uint32_t before = COUNTER;
        const int status = shim_run(&device_context, &samples_in[t * HOP], &samples_out[t * HOP], 1u, frame,
                                    frame_bytes);
        ticks[t] = COUNTER - before;
        if (status != 0) {
            return FAILED_PROCESS + status;
        }
        if (frame_bytes != 0u && semihosting_write(file->frames, frame, frame_bytes) != 0) {
            return FAILED_FILE;
        }
    }
    return 0;
}

static int stream(const files *file)
{
    const size_t frame_bytes = frame_size();
    for (;;) {
        const size_t hops = semihosting_read(file->in, samples_in, sizeof samples_in) / (HOP * sizeof samples_in[0]);
        if (hops == 0u) {
            return 0;
        }
        const int status = run_hops(file, hops, frame_bytes);
        if (status != 0) {
            return status;
        }
        if (semihosting_write(file->out, samples_out, hops * HOP * sizeof samples_out[0]) != 0 ||
            semihosting_write(file->ticks, ticks, hops * sizeof ticks[0]) != 0) {
            return FAILED_FILE;
        }
    }
}

int main(void)
{
    const files file = {
        .in = OPEN("audio.in", SEMIHOSTING_READ_BINARY),
        .out = OPEN("audio.out", SEMIHOSTING_WRITE_BINARY),
        .ticks = OPEN("ticks.out", SEMIHOSTING_WRITE_BINARY),
        .frames = OPEN("frames.out", SEMIHOSTING_WRITE_BINARY),
        .controls = OPEN("controls.in", SEMIHOSTING_READ_BINARY),
    };
    int status = shim_init(&device_context);
    if (status != 0) {
        return FAILED_INIT + status;
    }
    if (file.in < 0 || file.out < 0 || file.ticks < 0 || file.frames < 0 || file.controls < 0 ||
        frame_size() > TRACE_BYTES) {
        return FAILED_FILE;
    }
    status = stream(&file);
    (void)semihosting_close(file.out);
    (void)semihosting_close(file.ticks);
    (void)semihosting_close(file.frames);
    return status;
}
