#include "../stapes_core.h"
#include "stapes_elementwise.h"
#include "stapes_quick_s16.h"

static bool is_plain(const stapes_leaky_relu_params *p)
{
    return p->input_zero_point == 0 && p->output_zero_point == 0 && p->output_min == INT16_MIN &&
           p->output_max == INT16_MAX;
}

/* Values from zero upwards as they are. */
static bool keeps_positive(const stapes_leaky_relu_params *p)
{
    return p->multiplier_identity_q31 == 1 << 30 && p->shift_identity == 1;
}

/* A negative slope rounds as its magnitude does and then changes the sign: half upwards instead of half away from zero.
 * No value lies at half where the multiplier has a one among its lowest 15 bits.
 */
static bool is_quick(const stapes_leaky_relu_params *p)
{
    const int32_t slope = p->multiplier_alpha_q31;
    const bool signs = slope >= 0 || (p->shift_alpha <= 0 && ((uint32_t)slope & 0x7FFFu) != 0u);
    return is_plain(p) && signs && stapes_quick_line_fits(p->multiplier_identity_q31, p->shift_identity) &&
           stapes_quick_line_fits(slope < 0 ? -slope : slope, p->shift_alpha);
}

static stapes_quick_line line_below(const stapes_leaky_relu_params *p)
{
    const int32_t slope = p->multiplier_alpha_q31;
    stapes_quick_line line = stapes_quick_line_of(slope < 0 ? -slope : slope, p->shift_alpha, true);
    if (slope < 0) {
        line.multiplier = slope;
        line.nudge = (1 << line.shift) - line.nudge;
    }
    return line;
}

#if STAPES_CORTEX_M7

static int32_t bent_below(stapes_quick_line below, int32_t pair)
{
    const int32_t downwards = stapes_join_halves(stapes_quick_low(below, pair), stapes_quick_upper(below, pair));
    return stapes_choose_by_sign(pair, pair, downwards);
}

/* For slopes that leave values below zero within 16 bits. */
static void bend_below(stapes_quick_line below, int32_t size, const int16_t *x, int16_t *y)
{
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        stapes_write_pair(bent_below(below, stapes_read_pair(x + i)), y + i);
        stapes_write_pair(bent_below(below, stapes_read_pair(x + i + 2)), y + i + 2);
    }
    for (; i < size; i++) {
        y[i] = x[i] >= 0 ? x[i] : (int16_t)stapes_quick_low(below, x[i]);
    }
}

/* The same with another scale from zero upwards. */
static void bend_both(stapes_quick_line above, stapes_quick_line below, int32_t size, const int16_t *x, int16_t *y)
{
    int32_t i = 0;
    for (; i + 4 <= size; i += 4) {
        stapes_write_pair(stapes_quick_bent_down(above, below, stapes_read_pair(x + i)), y + i);
        stapes_write_pair(stapes_quick_bent_down(above, below, stapes_read_pair(x + i + 2)), y + i + 2);
    }
    for (; i < size; i++) {
        y[i] = (int16_t)stapes_saturate_s16(stapes_quick_low(x[i] >= 0 ? above : below, x[i]));
    }
}

#else

static void bend_below(stapes_quick_line below, int32_t size, const int16_t *x, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        y[i] = x[i] >= 0 ? x[i] : (int16_t)stapes_quick_low(below, x[i]);
    }
}

static void bend_both(stapes_quick_line above, stapes_quick_line below, int32_t size, const int16_t *x, int16_t *y)
{
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i];
        const int32_t scaled = value >= 0 ? stapes_quick_low(above, value) : stapes_quick_low(below, value);
        y[i] = (int16_t)stapes_saturate_s16(scaled);
    }
}

#endif

static void quick(const stapes_leaky_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    const stapes_quick_line above = stapes_quick_line_of(p->multiplier_identity_q31, p->shift_identity, false);
    const bool shrinks = p->shift_alpha < 0 || (p->shift_alpha == 0 && p->multiplier_alpha_q31 >= 0);
    if (!shrinks) {
        stapes_quick_bend(above, line_below(p), size, x, y);
    } else if (keeps_positive(p)) {
        bend_below(line_below(p), size, x, y);
    } else {
        bend_both(above, line_below(p), size, x, y);
    }
}

void stapes_leaky_relu_s16(const stapes_leaky_relu_params *p, int32_t size, const int16_t *x, int16_t *y)
{
    if (is_quick(p)) {
        quick(p, size, x, y);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        y[i] = (int16_t)stapes_leaky_relu(p, x[i]);
    }
}
