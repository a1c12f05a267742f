/* Misuse and unusual use of two programs in one firmware, `one` and `two`; exit status 1 at the first answer that is
 * wrong. Built with STAPES_TRACE and, to find what no status tells, with the sanitisers: each context is memory of its own,
 * to the byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "one.h"
#include "two.h"

enum { HOP = ONE_HOP, HOPS = 40 };
typedef char same_hop[ONE_HOP == TWO_HOP ? 1 : -1];

#define EXPECT(condition)                                  \
    do {                                                   \
        if (!(condition)) {                                \
            printf("line %d: %s\n", __LINE__, #condition); \
            exit(EXIT_FAILURE);                            \
        }                                                  \
    } while (0)

static void *memory_of(size_t size, int fill)
{
    void *memory = malloc(size);
    EXPECT(memory != NULL);
    return memset(memory, fill, size);
}

/* Loud and quiet noise in turn. */
static void sound(unsigned seed, int16_t samples[HOPS * HOP])
{
    uint32_t state = seed;
    for (int i = 0; i < HOPS * HOP; i++) {
        state = state * 1664525u + 1013904223u;
        const int32_t value = (int32_t)(state >> 16) - 32768;
        samples[i] = (int16_t)(i / HOP % 8 < 4 ? value : value / 64);
    }
}

static void before_init_everything_is_refused(int fill)
{
    unsigned char *before = memory_of(sizeof(one_context), fill);
    one_context *ctx = memory_of(sizeof(one_context), fill);
    int16_t block[HOP] = {0};
    int16_t features[ONE_FEATURES_SIZE] = {0};
    int16_t mask[ONE_MASK_SIZE];

    EXPECT(one_process(ctx, block, block) == STAPES_NOT_INITIALISED);
    EXPECT(one_network(ctx, features, mask) == STAPES_NOT_INITIALISED);
    EXPECT(one_reset(ctx) == STAPES_NOT_INITIALISED);
    for (size_t size = 0; size < 2u * sizeof *ctx; size += 4u) {
        EXPECT(size == sizeof *ctx || one_init(ctx, size) == STAPES_WRONG_SIZE);
    }
    EXPECT(one_init(NULL, sizeof *ctx) == STAPES_NULL_POINTER);
    EXPECT(memcmp(ctx, before, sizeof *ctx) == 0);
    free(before);
    free(ctx);
}

static void null_and_misaligned_pointers_are_refused(void)
{
    unsigned char *spare = memory_of(sizeof(one_context) + 16u, 0);
    one_context *ctx = memory_of(sizeof(one_context), 0xA5);
    unsigned char *bytes = memory_of(2u * HOP + 1u, 0);
    one_context *before = memory_of(sizeof(one_context), 0);
    int16_t block[HOP] = {0};
    int16_t features[ONE_FEATURES_SIZE] = {0};
    int16_t mask[ONE_MASK_SIZE];

    for (size_t offset = 1; offset < 8u; offset++) {
        one_context *odd = (void *)(spare + offset);
        EXPECT(one_init(odd, sizeof *ctx) == STAPES_MISALIGNED);
        EXPECT(one_reset(odd) == STAPES_MISALIGNED);
        EXPECT(one_process(odd, block, block) == STAPES_MISALIGNED);
        EXPECT(one_network(odd, features, mask) == STAPES_MISALIGNED);
    }
    EXPECT(one_init(ctx, sizeof *ctx) == STAPES_OK);
    memcpy(before, ctx, sizeof *ctx);
    EXPECT(one_reset(NULL) == STAPES_NULL_POINTER);
    EXPECT(one_process(NULL, block, block) == STAPES_NULL_POINTER);
    EXPECT(one_process(ctx, NULL, block) == STAPES_NULL_POINTER);
    EXPECT(one_process(ctx, block, NULL) == STAPES_NULL_POINTER);
    EXPECT(one_network(ctx, NULL, mask) == STAPES_NULL_POINTER);
    EXPECT(one_network(ctx, features, NULL) == STAPES_NULL_POINTER);
    EXPECT(one_process(ctx, (void *)(bytes + 1), block) == STAPES_MISALIGNED);
    EXPECT(one_process(ctx, block, (void *)(bytes + 1)) == STAPES_MISALIGNED);
    EXPECT(one_network(ctx, (void *)((unsigned char *)features + 1), mask) == STAPES_MISALIGNED);
    EXPECT(one_network(ctx, features, (void *)((unsigned char *)mask + 1)) == STAPES_MISALIGNED);
    EXPECT(memcmp(ctx, before, sizeof *ctx) == 0);
    free(spare);
    free(ctx);
    free(bytes);
    free(before);
}

static void the_context_of_the_other_program_is_refused(void)
{
    const size_t size = sizeof(one_context) > sizeof(two_context) ? sizeof(one_context) : sizeof(two_context);
    unsigned char *memory = memory_of(size, 0);
    unsigned char *before = memory_of(size, 0);
    one_context *as_one = (void *)memory;
    two_context *as_two = (void *)memory;
    int16_t block[HOP] = {0};

    EXPECT(one_init(as_one, sizeof *as_one) == STAPES_OK);
    memcpy(before, memory, size);
    EXPECT(two_process(as_two, block, block) == STAPES_NOT_INITIALISED);
    EXPECT(two_reset(as_two) == STAPES_NOT_INITIALISED);
    EXPECT(memcmp(memory, before, size) == 0);
    EXPECT(two_init(as_two, sizeof *as_two) == STAPES_OK);
    EXPECT(one_process(as_one, block, block) == STAPES_NOT_INITIALISED);
    EXPECT(two_process(as_two, block, block) == STAPES_OK);
    free(memory);
    free(before);
}

static void a_reset_in_mid_stream_is_a_fresh_start(void)
{
    static int16_t in[HOPS * HOP];
    int16_t first[HOP];
    int16_t again[HOP];
    one_context *fresh = memory_of(sizeof(one_context), 0);
    one_context *used = memory_of(sizeof(one_context), 0xFF);

    for (int before = 1; before <= HOPS; before += 13) {
        EXPECT(one_init(fresh, sizeof *fresh) == STAPES_OK);
        EXPECT(one_init(used, sizeof *used) == STAPES_OK);
        sound(1u, in);
        for (int t = 0; t < before; t++) {
            EXPECT(one_process(used, &in[t * HOP], again) == STAPES_OK);
        }
        EXPECT(one_reset(used) == STAPES_OK);
        sound(2u, in);
        for (int t = 0; t < HOPS; t++) {
            EXPECT(one_process(fresh, &in[t * HOP], first) == STAPES_OK);
            EXPECT(one_process(used, &in[t * HOP], again) == STAPES_OK);
            EXPECT(memcmp(first, again, sizeof first) == 0);
        }
    }
    free(fresh);
    free(used);
}

/* What the trace of a frame does in the midst of it: a hop of another stream of the same program, and one of the other. */
typedef struct {
    one_context *same;
    two_context *other;
    const int16_t *in;
    int16_t *same_out;
    int16_t *other_out;
    int tensor;
    int entered;
} visitor;

static void visit(void *user, int tensor, const void *data, int bytes)
{
    visitor *const v = user;
    (void)data;
    (void)bytes;
    if (tensor == v->tensor) {
        v->entered++;
        EXPECT(one_process(v->same, v->in, v->same_out) == STAPES_OK);
        EXPECT(two_process(v->other, v->in, v->other_out) == STAPES_OK);
    }
}

static void other_contexts_may_run_in_the_midst_of_a_frame(void)
{
    static int16_t in[HOPS * HOP], visited[HOPS * HOP];
    static int16_t wanted_in[HOPS * HOP], wanted_same[HOPS * HOP], wanted_other[HOPS * HOP];
    one_context *ctx = memory_of(sizeof(one_context), 0);
    visitor v = {.same = memory_of(sizeof(one_context), 0), .other = memory_of(sizeof(two_context), 0)};

    sound(3u, in);
    sound(4u, visited);
    EXPECT(one_init(ctx, sizeof *ctx) == STAPES_OK);
    EXPECT(one_init(v.same, sizeof *v.same) == STAPES_OK);
    EXPECT(two_init(v.other, sizeof *v.other) == STAPES_OK);
    for (int t = 0; t < HOPS; t++) {
        EXPECT(one_process(ctx, &in[t * HOP], &wanted_in[t * HOP]) == STAPES_OK);
        EXPECT(one_process(v.same, &visited[t * HOP], &wanted_same[t * HOP]) == STAPES_OK);
        EXPECT(two_process(v.other, &visited[t * HOP], &wanted_other[t * HOP]) == STAPES_OK);
    }
    EXPECT(one_reset(ctx) == STAPES_OK);
    EXPECT(one_reset(v.same) == STAPES_OK);
    EXPECT(two_reset(v.other) == STAPES_OK);
    ctx->trace = visit;
    ctx->trace_user = &v;
    for (int t = 0; t < HOPS; t++) {
        int16_t out[HOP], same[HOP], other[HOP];
        v.in = &visited[t * HOP];
        v.same_out = same;
        v.other_out = other;
        v.tensor = t % ONE_TENSORS;
        v.entered = 0;
        EXPECT(one_process(ctx, &in[t * HOP], out) == STAPES_OK);
        EXPECT(v.entered == 1);
        EXPECT(memcmp(out, &wanted_in[t * HOP], sizeof out) == 0);
        EXPECT(memcmp(same, &wanted_same[t * HOP], sizeof same) == 0);
        EXPECT(memcmp(other, &wanted_other[t * HOP], sizeof other) == 0);
    }
    free(ctx);
    free(v.same);
    free(v.other);
}

int main(void)
{
    before_init_everything_is_refused(0x00);
    before_init_everything_is_refused(0xA5);
    before_init_everything_is_refused(0xFF);
    null_and_misaligned_pointers_are_refused();
    the_context_of_the_other_program_is_refused();
    a_reset_in_mid_stream_is_a_fresh_start();
    other_contexts_may_run_in_the_midst_of_a_frame();
    printf("every answer is right\n");
    return EXIT_SUCCESS;
}
