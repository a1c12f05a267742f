#include "../arithmetic/stapes_arithmetic.h"
#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_regions.h"

/* One value; `words` are its bias, its two weights, its multiplier. */
static inline int16_t on_its_line(int32_t x, const int32_t *words)
{
    const int32_t above = x > 0 ? x : 0;
    const int32_t weights = words[1];
    const int32_t sum = words[0] + stapes_low_half(weights) * x + stapes_high_half(weights) * above;
    return (int16_t)stapes_saturate_s16(stapes_high_product(sum, words[2]));
}

void stapes_two_lines_s16(const stapes_two_lines_s16_params *p, const int16_t *x, int16_t *y)
{
    const int32_t *words = p->words;
    const int32_t fours = p->size / 4;
    for (int32_t four = 0; four < fours; four++) {
        const int32_t x_0 = x[0], x_1 = x[1], x_2 = x[2], x_3 = x[3];
        y[0] = on_its_line(x_0, words);
        y[1] = on_its_line(x_1, words + 3);
        y[2] = on_its_line(x_2, words + 6);
        y[3] = on_its_line(x_3, words + 9);
        words += 12;
        x += 4;
        y += 4;
    }
    for (int32_t rest = 0; rest < p->size % 4; rest++) {
        y[rest] = on_its_line(x[rest], words + 3 * rest);
    }
}
