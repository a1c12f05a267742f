/* Holds a network without an audio path in the program: an emulator calls its functions and the shim's by name.
 *
 * Compiled with the defines of the shim.
 */
#include STAPES_HEADER

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONTEXT JOIN(STAPES_NAME, _context)
#define KEPT __attribute__((section(".kept"), used))

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

#ifdef STAPES_TRACE
/* Nothing on the device reads the tables, but the emulator's side does. */
KEPT static const char *const *const names = JOIN(STAPES_NAME, _tensor_names);
KEPT static const int *const sizes = JOIN(STAPES_NAME, _tensor_bytes);
#endif

int main(void) { return shim_init(&device_context); }
