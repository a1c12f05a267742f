/* What an exported program computes on a core or a host: its self-test, then the checksum of every tensor of the golden audio.
 *
 * Compiled with -DNAME=<name> -DUPPER=<NAME> -DHEADER="<name>.h" -DTEST="<name>_self_test.h" -DVECTORS="<name>_vectors.h" and
 * STAPES_TRACE; prints a line "CHECKSUM NAME" for every tensor and for the output. Without an operating system it prints by
 * semihosting.
 */
#include HEADER
#include TEST
#include VECTORS

#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONTEXT JOIN(NAME, _context)
#define HOP JOIN(UPPER, _HOP)
#define TENSORS JOIN(UPPER, _TENSORS)
#define SAMPLES JOIN(UPPER, _VECTOR_SAMPLES)

int main(void);

#ifdef __linux__
#include <stdio.h>

static void say(const char *text)
{
    fputs(text, stdout);
}
#else
#include "semihosting.h"

static void say(const char *text)
{
    enum { SYS_WRITE0 = 0x04 };
    register uintptr_t r0 __asm__("r0") = SYS_WRITE0;
    register const char *r1 __asm__("r1") = text;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}
#endif

static CONTEXT context;
static uint32_t sums[TENSORS + 1]; /* the last is that of the output */

static void add(uint32_t *sum, const void *data, int bytes)
{
    const unsigned char *at = data;
    uint32_t crc = ~*sum;
    for (int i = 0; i < bytes; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1u) != 0u ? 0xEDB88320u : 0u);
        }
    }
    *sum = ~crc;
}

static void see(void *user, int tensor, const void *data, int bytes)
{
    (void)user;
    add(&sums[tensor], data, bytes);
}

static void report(uint32_t sum, const char *name)
{
    char text[] = "01234567 ";
    for (int i = 0; i < 8; i++) {
        text[i] = "0123456789abcdef"[(sum >> (28 - 4 * i)) & 15u];
    }
    say(text);
    say(name);
    say("\n");
}

int main(void)
{
    int16_t out[HOP];
    if (JOIN(NAME, _self_test)(&context, sizeof context, NULL) != STAPES_OK) {
        say("self-test failed\n");
        return 1;
    }
    context.trace = see;
    for (int at = 0; at < SAMPLES; at += HOP) {
        if (JOIN(NAME, _process)(&context, &JOIN(NAME, _vector_audio_in_q15)[at], out) != STAPES_OK) {
            return 2;
        }
        add(&sums[TENSORS], out, (int)sizeof out);
    }
    for (int i = 0; i < TENSORS; i++) {
        report(sums[i], JOIN(NAME, _tensor_names)[i]);
    }
    report(sums[TENSORS], "output");
    return 0;
}
