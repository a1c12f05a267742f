/* Streams through an exported program: `stream HOPS < in > out`, recordings of HOPS hops one behind the other, int16.
 * Compiled with -DNAME=<name> -DHOP=<NAME>_HOP -DHEADER="<name>.h"; as a library, its functions size a context.
 */
#include HEADER

#include <stdio.h>
#include <stdlib.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONTEXT JOIN(NAME, _context)

size_t stream_context_bytes(void);
int main(int count, char **arguments);

size_t stream_context_bytes(void)
{
    return sizeof(CONTEXT);
}

int main(int count, char **arguments)
{
    /* On the heap, so that the sanitiser fences each of them. */
    CONTEXT *ctx = malloc(sizeof(CONTEXT));
    int16_t *in = malloc(HOP * sizeof(int16_t));
    int16_t *out = malloc(HOP * sizeof(int16_t));
    const long hops = count == 2 ? strtol(arguments[1], NULL, 10) : 0;
    int failed = ctx == NULL || in == NULL || out == NULL || hops <= 0;

    for (long hop = 0; !failed && fread(in, sizeof(int16_t), HOP, stdin) == HOP; hop++) {
        if (hop % hops == 0) {
            failed |= JOIN(NAME, _init)(ctx, sizeof(CONTEXT)) != 0;
        }
        failed |= JOIN(NAME, _process)(ctx, in, out) != 0;
        failed |= fwrite(out, sizeof(int16_t), HOP, stdout) != HOP;
    }
    free(ctx);
    free(in);
    free(out);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
