/* Runs an exported program over many hops and, when built with STAPES_TRACE, keeps every traced tensor.
 * Compiled with -DSTAPES_NAME=<name> -DSTAPES_NAME_UPPER=<NAME> -DSTAPES_HEADER="<name>.h"; for a network without an audio
 * path with -DSTAPES_PORTS=ports[0],ports[1],... too: its inputs, then its outputs.
 */
#include STAPES_HEADER

#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONTEXT JOIN(STAPES_NAME, _context)

size_t shim_context_bytes(void)
{
    return sizeof(CONTEXT);
}

int shim_init(CONTEXT *ctx)
{
    return (int)JOIN(STAPES_NAME, _init)(ctx, sizeof(*ctx));
}

#ifdef STAPES_TRACE
typedef struct {
    unsigned char *frame; /* where the tensors of this frame go, one behind the other */
} shim_trace;

int shim_tensors(void)
{
    return (int)JOIN(STAPES_NAME_UPPER, _TENSORS);
}
const char *shim_tensor_name(int tensor)
{
    return JOIN(STAPES_NAME, _tensor_names)[tensor];
}
int shim_tensor_bytes(int tensor)
{
    return JOIN(STAPES_NAME, _tensor_bytes)[tensor];
}

static void shim_keep(void *user, int tensor, const void *data, int bytes)
{
    size_t offset = 0;
    for (int before = 0; before < tensor; before++) {
        offset += (size_t)JOIN(STAPES_NAME, _tensor_bytes)[before];
    }
    memcpy(((shim_trace *)user)->frame + offset, data, (size_t)bytes);
}
#endif

#ifdef STAPES_PORTS

/* One frame: arrays of the inputs and outputs in the order of the program; frame[sum of shim_tensor_bytes] when tracing, else null. */
int shim_step(CONTEXT *ctx, void *const *ports, unsigned char *frame);
int shim_step(CONTEXT *ctx, void *const *ports, unsigned char *frame)
{
#ifdef STAPES_TRACE
    shim_trace trace = {frame};
    ctx->trace = frame ? shim_keep : 0;
    ctx->trace_user = &trace;
#endif
    const int status = (int)JOIN(STAPES_NAME, _network)(ctx, STAPES_PORTS);
#ifdef STAPES_TRACE
    ctx->trace = 0;
    ctx->trace_user = 0;
#endif
    (void)frame;
    return status;
}

#else

#ifdef STAPES_CONTROLS
/* Words of all controls: those of a struct of controls as they lie in memory, then those of a latent. */
typedef struct {
#ifdef STAPES_MEMBERS
    JOIN(STAPES_NAME, _controls) members;
#endif
#ifdef STAPES_LATENT
    int32_t latent[JOIN(STAPES_NAME_UPPER, _LATENT_VALUES)];
#endif
} shim_controls;

size_t shim_controls_bytes(void)
{
    return sizeof(shim_controls);
}

int shim_set_controls(CONTEXT *ctx, const void *words);
int shim_set_controls(CONTEXT *ctx, const void *words)
{
    shim_controls controls;
    int status = 0;
    memcpy(&controls, words, sizeof controls);
#ifdef STAPES_MEMBERS
    status = (int)JOIN(STAPES_NAME, _set_controls)(ctx, &controls.members);
#endif
#ifdef STAPES_LATENT
    if (status == 0) {
        status = (int)JOIN(STAPES_NAME, _set_latent)(ctx, controls.latent);
    }
#endif
    return status;
}
#endif

/* in[hops * HOP] -> out[hops * HOP]; frames[hops][sum of shim_tensor_bytes] when tracing, else null. */
int shim_run(CONTEXT *ctx, const int16_t *in, int16_t *out, size_t hops, unsigned char *frames, size_t frame_bytes)
{
    const size_t hop = (size_t)JOIN(STAPES_NAME_UPPER, _HOP);
#ifdef STAPES_TRACE
    shim_trace trace = {frames};
    ctx->trace = frames ? shim_keep : 0;
    ctx->trace_user = &trace;
#endif
    int status = 0;
    for (size_t t = 0; t < hops && status == 0; t++) {
        status = (int)JOIN(STAPES_NAME, _process)(ctx, in + t * hop, out + t * hop);
#ifdef STAPES_TRACE
        trace.frame += frame_bytes;
#endif
    }
#ifdef STAPES_TRACE
    ctx->trace = 0;
    ctx->trace_user = 0;
#endif
    (void)frames;
    (void)frame_bytes;
    return status;
}

#endif
