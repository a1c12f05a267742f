#ifndef STAPES_GROUP_H
#define STAPES_GROUP_H

/* A group of a packed matrix in portable C: four columns of four rows. Its eight halfwords hold 256 * odd row + even row,
 *
 *     [column pair][row pair][column]
 *
 * so that a halfword as it is sums both rows at once, in 64 bits; its lower byte is the weight of the even row.
 */

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sums of a block on their way. */
typedef struct {
    int64_t pair_0, pair_1;
    int32_t even_0, even_1;
} stapes_group_sums;

static inline int32_t stapes_even_weight(int16_t weight)
{
    return (int8_t)(uint8_t)((uint16_t)weight & 0xFFu);
}

static inline void stapes_add_group(const int16_t *weights, const int16_t *x, stapes_group_sums *sums)
{
    sums->pair_0 += weights[0] * x[0];
    sums->even_0 += stapes_even_weight(weights[0]) * x[0];
    sums->pair_1 += weights[2] * x[0];
    sums->even_1 += stapes_even_weight(weights[2]) * x[0];
    sums->pair_0 += weights[1] * x[1];
    sums->even_0 += stapes_even_weight(weights[1]) * x[1];
    sums->pair_1 += weights[3] * x[1];
    sums->even_1 += stapes_even_weight(weights[3]) * x[1];
    sums->pair_0 += weights[4] * x[2];
    sums->even_0 += stapes_even_weight(weights[4]) * x[2];
    sums->pair_1 += weights[6] * x[2];
    sums->even_1 += stapes_even_weight(weights[6]) * x[2];
    sums->pair_0 += weights[5] * x[3];
    sums->even_0 += stapes_even_weight(weights[5]) * x[3];
    sums->pair_1 += weights[7] * x[3];
    sums->even_1 += stapes_even_weight(weights[7]) * x[3];
}

/* Both sums agree in their lowest 8 bits, so that each may be shifted before they are subtracted. */
static inline int32_t stapes_odd_sum(int64_t pair, int32_t even)
{
    return (int32_t)(uint32_t)(((uint64_t)pair >> 8) & 0xFFFFFFFFu) - (even >> 8);
}

/* The sums of the four rows, biases included. */
static inline void stapes_end_groups(const stapes_group_sums *block, const int32_t *biases, int32_t *sums)
{
    sums[0] = biases[0] + block->even_0;
    sums[1] = biases[1] + stapes_odd_sum(block->pair_0, block->even_0);
    sums[2] = biases[2] + block->even_1;
    sums[3] = biases[3] + stapes_odd_sum(block->pair_1, block->even_1);
}

/* A group to its place in a block of so many. */
static inline void stapes_put_group(const int16_t *weights, int32_t group, int32_t groups, int16_t *block)
{
    (void)groups;
    (void)memcpy(block + 8 * group, weights, 8u * sizeof *block);
}

#ifdef __cplusplus
}
#endif

#endif
