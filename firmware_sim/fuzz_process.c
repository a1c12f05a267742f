/* What libFuzzer drives: bytes become audio, resets and turns of two streams of one program.
 * Compiled with the defines of program_shim.c. Any other end than a return is a finding: a sanitiser's complaint, a status
 * that is not STAPES_OK, or other bits when each stream runs alone, from memory that held something else.
 */
#include STAPES_HEADER

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONTEXT JOIN(STAPES_NAME, _context)
#define HOP JOIN(STAPES_NAME_UPPER, _HOP)

enum { STREAMS = 2, HOPS_AT_MOST = 48 };
enum { SILENCE, SQUARE, CONSTANT, BYTES, NOISE, IMPULSE, SIGNS, RESET, KINDS };

typedef struct {
    const uint8_t *at, *end;
} script;

/* Bytes beyond the end are 0. */
static uint8_t next(script *s)
{
    return s->at < s->end ? *s->at++ : 0u;
}

/* One step of a script: a hop for one of the streams, or its reset. */
typedef struct {
    int stream;
    int reset;
    int16_t block[HOP];
    int16_t out[HOP];
} step;

static step steps[HOPS_AT_MOST];

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static uint32_t noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void fill(int kind, script *s, int16_t block[HOP])
{
    const int low = next(s);
    const int16_t value = (int16_t)(uint16_t)(low << 8 | next(s));
    uint32_t state = (uint16_t)value;
    for (int i = 0; i < HOP; i++) {
        switch (kind) {
        case SQUARE:
            block[i] = (i >> (low & 7)) & 1 ? INT16_MAX : INT16_MIN;
            break;
        case CONSTANT:
            block[i] = value;
            break;
        case BYTES:
            block[i] = (int16_t)(uint16_t)(next(s) << 8 | next(s));
            break;
        case NOISE:
            block[i] = (int16_t)(((int32_t)noise(&state) - 32768) / (1 << (low & 15)));
            break;
        case IMPULSE:
            block[i] = i == low % HOP ? value : 0;
            break;
        case SIGNS:
            block[i] = noise(&state) & 1u ? INT16_MAX : INT16_MIN;
            break;
        default:
            block[i] = 0;
        }
    }
}

/* The steps that a script asks for; returns their number. */
static int unfold(script s)
{
    int count = 0;
    while (count < HOPS_AT_MOST && s.at < s.end) {
        const uint8_t operation = next(&s);
        step *const first = &steps[count++];
        const int kind = (operation >> 1) % KINDS;
        first->stream = operation & 1;
        first->reset = kind == RESET;
        fill(kind, &s, first->block);
        for (int again = operation >> 4; again > 0 && kind != RESET && count < HOPS_AT_MOST; again--) {
            steps[count++] = *first;
        }
    }
    return count;
}

static CONTEXT *contexts[STREAMS];

static void begin(int stream, int held)
{
    if (contexts[stream] == NULL) {
        contexts[stream] = malloc(sizeof(CONTEXT));
        require(contexts[stream] != NULL, "no memory");
    }
    memset(contexts[stream], held, sizeof(CONTEXT));
    require(JOIN(STAPES_NAME, _init)(contexts[stream], sizeof(CONTEXT)) == STAPES_OK, "init does not answer STAPES_OK");
}

static void take(const step *now, int16_t out[HOP])
{
    if (now->reset) {
        require(JOIN(STAPES_NAME, _reset)(contexts[now->stream]) == STAPES_OK, "reset does not answer STAPES_OK");
        memset(out, 0, HOP * sizeof out[0]);
    } else {
        require(JOIN(STAPES_NAME, _process)(contexts[now->stream], now->block, out) == STAPES_OK,
                "process does not answer STAPES_OK");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const script whole = {data, data + size};
    const int count = unfold(whole);
    for (int stream = 0; stream < STREAMS; stream++) {
        begin(stream, 0x00);
    }
    for (int i = 0; i < count; i++) {
        take(&steps[i], steps[i].out);
    }
    for (int stream = 0; stream < STREAMS; stream++) {
        begin(stream, 0xA5);
        for (int i = 0; i < count; i++) {
            int16_t again[HOP];
            if (steps[i].stream == stream) {
                take(&steps[i], again);
                require(memcmp(again, steps[i].out, sizeof again) == 0, "a stream alone gives other bits");
            }
        }
    }
    return 0;
}
