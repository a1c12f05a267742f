#include "stapes_rows.h"

#include "stapes_arithmetic.h"
#include "stapes_intrinsics.h"

/* round(x / 2^(32 - left)), half away from zero; left in 1..30. */
static int32_t divide_by_pot_high(int32_t x, int32_t left)
{
    return stapes_high_product(x + (x >> 31), (int32_t)1 << left);
}

static void requantise(const stapes_fully_connected_params *p, int32_t row, int32_t *values)
{
    const int32_t *const multiplier = p->multiplier + row;
    const int8_t *const shift = p->shift + row;
    switch (p->rounding) {
    case STAPES_ONCE_HIGH:
        for (int32_t i = 0; i < 4; i++) {
            values[i] = stapes_high_product(values[i], p->multiplier[row + i]);
        }
        break;
    case STAPES_TWICE_HIGH:
        for (int32_t i = 0; i < 4; i++) {
            values[i] = divide_by_pot_high(stapes_high_product(2 * values[i], multiplier[i]), shift[i]);
        }
        break;
    case STAPES_ONCE:
        for (int32_t i = 0; i < 4; i++) {
            values[i] = stapes_requantise_64(values[i], multiplier[i], shift[i]);
        }
        break;
    case STAPES_TWICE:
    default:
        for (int32_t i = 0; i < 4; i++) {
            values[i] = stapes_requantise_double(values[i], multiplier[i], shift[i]);
        }
        break;
    }
}

void stapes_rows(const stapes_fully_connected_params *p, int32_t row, const int16_t *vector, int32_t *values)
{
    const int32_t groups = STAPES_VECTOR_SIZE(p->inputs) / 4;
    const int16_t *const weights = p->weights + 2 * row * groups;
    if (p->sums_32) {
        stapes_block_32(weights, vector, groups, p->bias + row, values);
    } else {
        stapes_block_64(weights, vector, groups, p->bias + row, values);
    }
    requantise(p, row, values);
    const int32_t low = p->activation_min - p->output_zero_point;
    const int32_t high = p->activation_max - p->output_zero_point;
    if (low == INT16_MIN && high == INT16_MAX) {
        for (int32_t i = 0; i < 4; i++) {
            values[i] = stapes_clamp(values[i], INT16_MIN, INT16_MAX);
        }
    } else {
        for (int32_t i = 0; i < 4; i++) {
            values[i] = stapes_clamp(values[i], low, high) + p->output_zero_point;
        }
    }
}
