#include "stapes_sweep.h"

#include <string.h>

#include "stapes_intrinsics.h"

enum { VECTORS_AT_ONCE = 16 };

/* Two values, one behind the other. */
static inline int32_t pair_of(const int16_t *x)
{
    int32_t both;
    (void)memcpy((uint8_t *)&both, (const uint8_t *)x, sizeof both);
    return both;
}

static inline int32_t low(int32_t both) { return (int16_t)(uint16_t)((uint32_t)both & 0xFFFFu); }

static inline int32_t high(int32_t both) { return both >> 16; }

/* weights[column pair][row] of a block, each two columns; packed ones have as many pairs of rows as there are columns. */
static void unpack(const int16_t *packed, int32_t columns, int32_t *weights)
{
    for (int32_t i = 0; i < columns; i++) {
        int16_t even[2], odd[2];
        for (int32_t j = 0; j < 2; j++) {
            even[j] = (int8_t)(uint8_t)((uint16_t)packed[j] & 0xFFu);
            odd[j] = (int16_t)((packed[j] - even[j]) >> 8);
        }
        weights[0] = pair_of(even);
        weights[1] = pair_of(odd);
        packed += 2;
        weights += 2;
    }
}

static void begin(const int32_t *bias, int32_t vectors, int32_t *sums)
{
    for (int32_t i = 0; i < vectors; i++) {
        (void)memcpy(sums, bias, 4u * sizeof *sums);
        sums += 4;
    }
}

/* Add `columns` columns, a multiple of 4, to sums[vectors][4]. */
static void add(const int32_t *weights, const int16_t *x, int32_t x_step, int32_t columns, int32_t vectors,
                int32_t *sums)
{
    for (int32_t vector = vectors; vector > 0; vector--) {
        int32_t sum_0 = sums[0], sum_1 = sums[1], sum_2 = sums[2], sum_3 = sums[3];
        const int32_t *w = weights;
        const int16_t *value = x;
        const int16_t *const end = x + columns;
        do {
            const int32_t x_01 = pair_of(value), x_23 = pair_of(value + 2);
            sum_0 += low(w[0]) * low(x_01);
            sum_1 += low(w[1]) * low(x_01);
            sum_2 += low(w[2]) * low(x_01);
            sum_3 += low(w[3]) * low(x_01);
            sum_0 += high(w[0]) * high(x_01);
            sum_1 += high(w[1]) * high(x_01);
            sum_2 += high(w[2]) * high(x_01);
            sum_3 += high(w[3]) * high(x_01);
            sum_0 += low(w[4]) * low(x_23);
            sum_1 += low(w[5]) * low(x_23);
            sum_2 += low(w[6]) * low(x_23);
            sum_3 += low(w[7]) * low(x_23);
            sum_0 += high(w[4]) * high(x_23);
            sum_1 += high(w[5]) * high(x_23);
            sum_2 += high(w[6]) * high(x_23);
            sum_3 += high(w[7]) * high(x_23);
            value += 4;
            w += 8;
        } while (value != end);
        sums[0] = sum_0;
        sums[1] = sum_1;
        sums[2] = sum_2;
        sums[3] = sum_3;
        x += x_step;
        sums += 4;
    }
}

static void finish(const int32_t *multipliers, int32_t vectors, const int32_t *sums, int16_t *y, int32_t y_step)
{
    const int32_t m_0 = multipliers[0], m_1 = multipliers[1], m_2 = multipliers[2], m_3 = multipliers[3];
    for (int32_t i = 0; i < vectors; i++) {
        y[0] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[0], m_0));
        y[1] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[1], m_1));
        y[2] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[2], m_2));
        y[3] = (int16_t)stapes_saturate_s16(stapes_high_product(sums[3], m_3));
        sums += 4;
        y += y_step;
    }
}

/* A block over all vectors. */
static void sweep(const stapes_sweep *over, const int32_t *weights, const int32_t *rows, const int16_t *x, int16_t *y)
{
    const int32_t run = STAPES_VECTOR_SIZE(over->run);
    for (int32_t first = 0; first < over->vectors; first += VECTORS_AT_ONCE) {
        int32_t sums[4 * VECTORS_AT_ONCE];
        const int32_t left = over->vectors - first;
        const int32_t count = left < VECTORS_AT_ONCE ? left : VECTORS_AT_ONCE;
        begin(rows, count, sums);
        for (int32_t i = 0; i < over->runs; i++) {
            add(weights + 2 * run * i, x + over->run_step * i, over->x_step, run, count, sums);
        }
        finish(rows + 4, count, sums, y, over->y_step);
        x += over->x_step * count;
        y += over->y_step * count;
    }
}

void stapes_sweep_s16(const stapes_matrix *m, const stapes_sweep *over, int32_t block, int32_t outputs, const int16_t *x,
                      int16_t *y)
{
    const int32_t columns = STAPES_VECTOR_SIZE(m->inputs);
    for (int32_t i = 0; i < outputs / 4; i++) {
        int32_t weights[2 * STAPES_SWEEP_COLUMNS];
        unpack(m->weights + 2 * columns * (block + i), columns, weights);
        sweep(over, weights, m->rows + 8 * (block + i), x, y + 4 * i);
    }
}
