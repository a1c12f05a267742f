/* Two ears on one scratch beside two contexts of their own, under the same sound, controls and programs: counts the samples that
 * differ. What is misused answers with a status, and no ear moves.
 */

#include <stdio.h>
#include <string.h>

#include "ear/ear.h"

#define HOPS 60

static ear_ears ears;
static ear_context alone[2];
static uint32_t state = 1u;

static uint32_t draw(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void expect(stapes_status made, stapes_status wanted, const char *what)
{
    if (made != wanted) {
        printf("%s: status %d, not %d\n", what, (int)made, (int)wanted);
    }
}

/* What an ear and its context are told, now and then, another one each. */
static void tell(int side)
{
    ear_ear *const ear = side == 0 ? &ears.left : &ears.right;
    if (draw() % 8u == 0u) {
        const int32_t number = (int32_t)(draw() % EAR_PROGRAMS);
        expect(ear_ear_set_program(ear, number), STAPES_OK, "program of an ear");
        expect(ear_set_program(&alone[side], number), STAPES_OK, "program");
    }
    if (draw() % 8u == 0u) {
        ear_controls controls;
        expect(ear_ear_get_controls(ear, &controls), STAPES_OK, "controls that an ear has");
        controls.volume.gain_q16 = (int32_t)(draw() % 131072u);
        controls.bypass.on = (int32_t)(draw() % 2u);
        expect(ear_ear_set_controls(ear, &controls), STAPES_OK, "controls of an ear");
        expect(ear_set_controls(&alone[side], &controls), STAPES_OK, "controls");
        controls.volume.gain_q16 = -1;
        expect(ear_ear_set_controls(ear, &controls), STAPES_OUT_OF_RANGE, "a gain below zero");
    }
}

static void misuse(void)
{
    int16_t block[EAR_HOP] = {0};
    static ear_ears none;
    static union {
        ear_ears aligned;
        unsigned char bytes[sizeof(ear_ears) + 1];
    } moved;
    ear_ears *const odd = (ear_ears *)(void *)&moved.bytes[1];
    const ear_ears before = ears;
    expect(ear_init_ears(NULL, sizeof ears), STAPES_NULL_POINTER, "no ears");
    expect(ear_init_ears(odd, sizeof ears), STAPES_MISALIGNED, "ears between two words");
    expect(ear_init_ears(&ears, sizeof ears - 1u), STAPES_WRONG_SIZE, "ears of another size");
    expect(ear_reset_ears(&none), STAPES_NOT_INITIALISED, "reset of ears that nobody made ready");
    expect(ear_process_ears(&none, block, block, block, block), STAPES_NOT_INITIALISED, "ears that nobody made ready");
    expect(ear_process_ears(&ears, block, NULL, block, block), STAPES_NULL_POINTER, "no sound for the right ear");
    expect(ear_process_ears(&ears, block, block, block, NULL), STAPES_NULL_POINTER, "no room for the right ear");
    none = ears;
    none.right.guard = 0u;
    expect(ear_process_ears(&none, block, block, block, block), STAPES_NOT_INITIALISED,
           "a right ear of another program");
    expect(ear_ear_set_program(&ears.left, EAR_PROGRAMS), STAPES_OUT_OF_RANGE, "a program that is not there");
    if (memcmp(&before, &ears, sizeof ears) != 0) {
        printf("misuse changed an ear\n");
    }
}

int main(void)
{
    int16_t in[2][EAR_HOP];
    int16_t made[2][EAR_HOP];
    int16_t wanted[EAR_HOP];
    int differ = 0;
    int unlike = 0;
    expect(ear_init_ears(&ears, sizeof ears), STAPES_OK, "ears made ready");
    for (int side = 0; side < 2; side++) {
        expect(ear_init(&alone[side], sizeof alone[side]), STAPES_OK, "context made ready");
    }
    for (int hop = 0; hop < HOPS; hop++) {
        if (hop == HOPS / 2) {
            expect(ear_reset_ears(&ears), STAPES_OK, "reset");
            (void)ear_reset(&alone[0]);
            (void)ear_reset(&alone[1]);
        }
        for (int side = 0; side < 2; side++) {
            tell(side);
            for (int n = 0; n < EAR_HOP; n++) {
                in[side][n] = (int16_t)((int32_t)(draw() % 65536u) - 32768);
            }
        }
        misuse();
        /* The ears' sound goes where it came from, every second time. */
        memcpy(made, in, sizeof made);
        expect(hop % 2 != 0 ? ear_process_ears(&ears, made[0], made[1], made[0], made[1])
                            : ear_process_ears(&ears, in[0], in[1], made[0], made[1]),
               STAPES_OK, "ears");
        for (int side = 0; side < 2; side++) {
            expect(ear_process(&alone[side], in[side], wanted), STAPES_OK, "context");
            differ += memcmp(made[side], wanted, sizeof wanted) != 0;
        }
        unlike += memcmp(made[0], made[1], sizeof wanted) != 0;
    }
    printf("%d of %d blocks differ, %d unlike, %d bytes\n", differ, 2 * HOPS, unlike, (int)sizeof ears);
    return 0;
}
