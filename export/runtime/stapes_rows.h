#ifndef STAPES_ROWS_H
#define STAPES_ROWS_H

/* Rows of a packed matrix times a vector: what FULLY_CONNECTED and the fused GRU are made of. export/c/packing.py packs
 * the weights and describes the layout.
 */

#include <string.h>

#include "stapes_nn.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* values[4 * blocks] = the outputs of rows 4 * block .. 4 * (block + blocks) - 1 for one vector: requantised, zero point
 * added, saturated to the output's type but not clamped to an activation. `vector` lies on a boundary of 4 bytes; values
 * of rows beyond the last one mean nothing.
 */
void stapes_rows(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values);

/* y[outputs] = the outputs of the rows from 4 * block on, clamped to low ... high. */
void stapes_outputs_s8(const stapes_matrix *m, int32_t block, int32_t outputs, int32_t low, int32_t high,
                       const int16_t *vector, int8_t *y);
void stapes_outputs_s16(const stapes_matrix *m, int32_t block, int32_t outputs, int32_t low, int32_t high,
                        const int16_t *vector, int16_t *y);

/* The three forms of it, from the first block of weights and rows on. */
void stapes_rows_once(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int16_t *values,
                      int32_t blocks);
void stapes_rows_twice(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *rows, int16_t *values,
                       int32_t blocks);
void stapes_rows_plain(const stapes_matrix *m, int32_t block, int32_t blocks, const int16_t *vector, int16_t *values);

/* Number `i` of the four right shifts in a word, and the zero point above them. */
static inline int32_t stapes_rows_shift(int32_t word, int32_t i)
{
    return (int32_t)((uint32_t)word << (26 - 6 * i)) >> 26;
}

static inline int32_t stapes_rows_zero_point(int32_t word)
{
    return word >> 24;
}

/* Copy an input of `size` values to where the rows read it, up to the next multiple of 4 filled with zeros. */
static inline void stapes_take_s8(int32_t size, const int8_t *x, int16_t *vector)
{
    for (int32_t i = 0; i < size; i++) {
        vector[i] = x[i];
    }
    for (int32_t i = size; i < STAPES_VECTOR_SIZE(size); i++) {
        vector[i] = 0;
    }
}

static inline void stapes_take_s16(int32_t size, const int16_t *x, int16_t *vector)
{
    memcpy(vector, x, (size_t)size * sizeof *vector);
    for (int32_t i = size; i < STAPES_VECTOR_SIZE(size); i++) {
        vector[i] = 0;
    }
}

/* The sums of one block in portable C, bias included: the weights of a pair are taken apart before they are multiplied. */
#ifdef __AVX2__

static inline void stapes_block(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *bias,
                                int32_t *sums)
{
    /* Lane by lane: columns 0 and 1 of both pairs, columns 2 and 3 of both pairs, and so on. */
    const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    for (int32_t group = 0; group < groups; group += 2) {
        __m256i w, columns;
        if (group + 1 < groups) {
            w = _mm256_loadu_si256((const __m256i *)(const void *)weights);
            columns = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)x));
        } else {
            w = _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)weights));
            columns = _mm256_zextsi128_si256(_mm_loadl_epi64((const __m128i *)(const void *)x));
        }
        columns = _mm256_permutevar8x32_epi32(columns, twice);
        const __m256i low = _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8);
        const __m256i high = _mm256_srai_epi16(_mm256_sub_epi16(w, low), 8);
        even = _mm256_add_epi32(even, _mm256_madd_epi16(low, columns));
        odd = _mm256_add_epi32(odd, _mm256_madd_epi16(high, columns));
        weights += 16;
        x += 8;
    }
    const __m256i low = _mm256_unpacklo_epi32(even, odd);  /* rows 0, 1, 2, 3 */
    const __m256i high = _mm256_unpackhi_epi32(even, odd); /* of other columns */
    const __m256i both = _mm256_add_epi32(low, high);
    const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    const __m128i start = _mm_loadu_si128((const __m128i *)(const void *)bias);
    _mm_storeu_si128((__m128i *)(void *)sums, _mm_add_epi32(start, all));
}

#else

static inline void stapes_block(const int16_t *weights, const int16_t *x, int32_t groups, const int32_t *bias,
                                int32_t *sums)
{
    int32_t even_0 = bias[0], odd_0 = bias[1], even_1 = bias[2], odd_1 = bias[3];
    for (int32_t i = 0; i < 2 * groups; i++) {
        for (int32_t j = 0; j < 2; j++) {
            const int32_t low_0 = (int8_t)(uint8_t)((uint16_t)weights[j] & 0xFFu);
            const int32_t low_1 = (int8_t)(uint8_t)((uint16_t)weights[j + 2] & 0xFFu);
            even_0 += low_0 * x[j];
            odd_0 += ((weights[j] - low_0) >> 8) * x[j];
            even_1 += low_1 * x[j];
            odd_1 += ((weights[j + 2] - low_1) >> 8) * x[j];
        }
        weights += 4;
        x += 2;
    }
    sums[0] = even_0;
    sums[1] = odd_0;
    sums[2] = even_1;
    sums[3] = odd_1;
}

#endif

#ifdef __cplusplus
}
#endif

#endif
