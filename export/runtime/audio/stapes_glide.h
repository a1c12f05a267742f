#ifndef STAPES_GLIDE_H
#define STAPES_GLIDE_H

/* A value that glides from one to the next without a click: start + (target - start) * (3 x^2 - 2 x^3), x from 0 to 1.
 * The Python twin stands in firmware_sim/audio/glide.py.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STAPES_GLIDE_END_Q30 (1 << 30)

typedef struct {
    int32_t start;
    int32_t target;
    int32_t position_q30; /* x; STAPES_GLIDE_END_Q30 where it has arrived, negative before the first value */
} stapes_glide_state;

/* The next value is taken without a glide. */
static inline void stapes_glide_begin(stapes_glide_state *glide)
{
    glide->start = 0;
    glide->target = 0;
    glide->position_q30 = -1;
}

/* How much of the way lies behind a position: 3 x^2 - 2 x^3. */
static inline int32_t stapes_glide_share_q15(int32_t position_q30)
{
    const int32_t x_q15 = position_q30 >> 15;
    const int32_t square_q15 = (x_q15 * x_q15) >> 15;
    return (square_q15 * (3 * 32768 - 2 * x_q15)) >> 15;
}

static inline int32_t stapes_glide_between(int32_t start, int32_t target, int32_t share_q15)
{
    const int64_t way = ((int64_t)target - start) * share_q15;
    return start + (int32_t)((way + 16384) >> 15);
}

static inline int32_t stapes_glide_at(const stapes_glide_state *glide)
{
    return stapes_glide_between(glide->start, glide->target, stapes_glide_share_q15(glide->position_q30));
}

/* Begin towards `target` at the value of now; at the start of a stream be there at once. */
static inline void stapes_glide_aim(stapes_glide_state *glide, int32_t target)
{
    if (glide->position_q30 < 0) {
        glide->start = target;
        glide->position_q30 = STAPES_GLIDE_END_Q30;
    } else if (target != glide->target) {
        glide->start = stapes_glide_at(glide);
        glide->position_q30 = 0;
    } else {
        /* It is on its way there. */
    }
    glide->target = target;
}

/* Whether it is there. */
static inline bool stapes_glide_rests_at(const stapes_glide_state *glide, int32_t value)
{
    return glide->target == value && glide->position_q30 == STAPES_GLIDE_END_Q30;
}

/* The value of the next sample; step_q30 is in 1 .. 2^30. */
static inline int32_t stapes_glide_next(stapes_glide_state *glide, int32_t step_q30)
{
    const int32_t left_q30 = STAPES_GLIDE_END_Q30 - glide->position_q30;
    glide->position_q30 += left_q30 < step_q30 ? left_q30 : step_q30;
    return stapes_glide_at(glide);
}

#ifdef __cplusplus
}
#endif

#endif
