/* Streams frames through the network of the program, from reset, for as long as they come.
 *
 * frames.in -> frames.out: the inputs of a frame one behind the other, then its outputs, and behind them every traced tensor where
 * the program was built with STAPES_TRACE. Compiled with the defines of the shim. An emulator without files calls the shim itself,
 * on `device_context`.
 */
#include STAPES_HEADER

#include "semihosting.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONTEXT JOIN(STAPES_NAME, _context)
#define EXCHANGE __attribute__((section(".exchange")))
#define KEPT __attribute__((section(".kept"), used))

enum { FAILED_FILE = 100, FAILED_INIT = 110, FAILED_NETWORK = 120 };
enum { ALIGNED = 16, ARRAYS_BYTES = 4 * 1024 * 1024, TRACE_BYTES = 8 * 1024 * 1024 };

int main(void);
int shim_init(CONTEXT *ctx);
int shim_step(CONTEXT *ctx, void *const *ports, unsigned char *frame);

CONTEXT device_context;

/* What a firmware calls; the linker would drop what only an emulator calls by name. */
typedef void (*entry_point)(void);
KEPT static const entry_point entry_points[] = {
    (entry_point)shim_step,
    (entry_point)JOIN(STAPES_NAME, _init),
    (entry_point)JOIN(STAPES_NAME, _reset),
    (entry_point)JOIN(STAPES_NAME, _network),
};

static const size_t input_bytes[] = {STAPES_INPUT_BYTES};
static const size_t output_bytes[] = {STAPES_OUTPUT_BYTES};

enum { INPUTS = sizeof input_bytes / sizeof input_bytes[0], OUTPUTS = sizeof output_bytes / sizeof output_bytes[0] };

EXCHANGE static unsigned char arrays[ARRAYS_BYTES] __attribute__((aligned(ALIGNED)));
EXCHANGE static void *ports[INPUTS + OUTPUTS];

#ifdef STAPES_TRACE
int shim_tensors(void);
int shim_tensor_bytes(int tensor);

EXCHANGE static unsigned char frame[TRACE_BYTES];

/* Nothing on the device reads the tables, but the emulator's side does. */
KEPT static const char *const *const names = JOIN(STAPES_NAME, _tensor_names);
KEPT static const int *const sizes = JOIN(STAPES_NAME, _tensor_bytes);

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

/* Gives each input and output its place; returns whether there is room. */
static int place(void)
{
    size_t at = 0;
    for (size_t port = 0; port < INPUTS + OUTPUTS; port++) {
        const size_t size = port < INPUTS ? input_bytes[port] : output_bytes[port - INPUTS];
        ports[port] = &arrays[at];
        at += (size + ALIGNED - 1u) / ALIGNED * ALIGNED;
        if (at > sizeof arrays) {
            return 0;
        }
    }
    return frame_size() <= TRACE_BYTES;
}

/* A pipe gives as much as it holds. */
static int read_all(int32_t file, unsigned char *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const size_t more = semihosting_read(file, data + done, size - done);
        if (more == 0u) {
            return 0;
        }
        done += more;
    }
    return 1;
}

static int stream(int32_t in, int32_t out)
{
    const size_t frame_bytes = frame_size();
    for (;;) {
        for (size_t port = 0; port < INPUTS; port++) {
            if (!read_all(in, ports[port], input_bytes[port])) {
                return 0;
            }
        }
        const int status = shim_step(&device_context, ports, frame);
        if (status != 0) {
            return FAILED_NETWORK + status;
        }
        for (size_t port = 0; port < OUTPUTS; port++) {
            if (semihosting_write(out, ports[INPUTS + port], output_bytes[port]) != 0) {
                return FAILED_FILE;
            }
        }
        if (frame_bytes != 0u && semihosting_write(out, frame, frame_bytes) != 0) {
            return FAILED_FILE;
        }
    }
}

int main(void)
{
    const int32_t in = semihosting_open("frames.in", sizeof("frames.in") - 1u, SEMIHOSTING_READ_BINARY);
    const int32_t out = semihosting_open("frames.out", sizeof("frames.out") - 1u, SEMIHOSTING_WRITE_BINARY);
    const int status = shim_init(&device_context);
    if (status != 0) {
        return FAILED_INIT + status;
    }
    if (in < 0 || out < 0 || !place()) {
        return FAILED_FILE;
    }
    return stream(in, out);
}
