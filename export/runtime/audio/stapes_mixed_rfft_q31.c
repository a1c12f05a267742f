#include "stapes_mixed_rfft_q31.h"

#include "../arithmetic/stapes_intrinsics.h"
#include "stapes_audio_scalar.h"

/* What a sine or a cosine of a butterfly lacks to one or to one half. */
#define THIRD_TURN_Q32 575416509     /* 1 - sqrt(3) / 2 */
#define FIFTH_TURN_Q32 253476061     /* sqrt(5) / 4 - 1 / 2 */
#define LESS_THAN_SINE_Q32 210210662 /* 1 - sin(72 deg) */
#define MORE_THAN_HALF_Q32 377034788 /* sin(36 deg) - 1 / 2 */

typedef struct {
    int32_t re;
    int32_t im;
} point;

/* One stage: `groups` butterflies of `radix` points, each `stride` times. Lengths in words, two a point. */
typedef struct {
    int32_t groups;
    int32_t stride;
    int32_t apart; /* stride * groups: from one point of a butterfly to the next */
    int32_t shift;
    int32_t half; /* of 2^shift */
} stage;

static inline point at(const int32_t *x)
{
    const point p = {x[0], x[1]};
    return p;
}

static inline void put(int32_t *y, point p)
{
    y[0] = p.re;
    y[1] = p.im;
}

static inline point sum(point a, point b)
{
    const point p = {a.re + b.re, a.im + b.im};
    return p;
}

static inline point difference(point a, point b)
{
    const point p = {a.re - b.re, a.im - b.im};
    return p;
}

/* a + i b and a - i b. */
static inline point sum_turned(point a, point b)
{
    const point p = {a.re - b.im, a.im + b.re};
    return p;
}

static inline point difference_turned(point a, point b)
{
    const point p = {a.re + b.im, a.im - b.re};
    return p;
}

static inline point divided(point a, int32_t shift, int32_t half)
{
    const point p = {(a.re + half) >> shift, (a.im + half) >> shift};
    return p;
}

/* a times cos - i sin, divided as those are. */
static inline point turned(point a, const int32_t *cos_sin)
{
    const int32_t c = cos_sin[0];
    const int32_t s = cos_sin[1];
    const point p = {stapes_add_high_product(stapes_high_product(a.re, c), a.im, s),
                     stapes_subtract_high_product(stapes_high_product(a.im, c), a.re, s)};
    return p;
}

static inline void sums_2(const int32_t *x, int32_t apart, point *b)
{
    const point x0 = at(x);
    const point x1 = at(x + apart);
    b[0] = sum(x0, x1);
    b[1] = difference(x0, x1);
}

static inline void sums_3(const int32_t *x, int32_t apart, point *b)
{
    const point x0 = at(x);
    const point x1 = at(x + apart);
    const point x2 = at(x + 2 * apart);
    const point both = sum(x1, x2);
    const point d = difference(x1, x2);
    const point mid = {x0.re - (both.re >> 1), x0.im - (both.im >> 1)};
    const point side = {stapes_subtract_high_product(d.re, d.re, THIRD_TURN_Q32),
                        stapes_subtract_high_product(d.im, d.im, THIRD_TURN_Q32)};
    b[0] = sum(x0, both);
    b[1] = difference_turned(mid, side);
    b[2] = sum_turned(mid, side);
}

static inline void sums_4(const int32_t *x, int32_t apart, point *b)
{
    const point x0 = at(x);
    const point x1 = at(x + apart);
    const point x2 = at(x + 2 * apart);
    const point x3 = at(x + 3 * apart);
    const point even = sum(x0, x2);
    const point odd = sum(x1, x3);
    const point mid = difference(x0, x2);
    const point side = difference(x1, x3);
    b[0] = sum(even, odd);
    b[1] = difference_turned(mid, side);
    b[2] = difference(even, odd);
    b[3] = sum_turned(mid, side);
}

/* Half the difference of two sums times sqrt(5) / 2. */
static inline int32_t wide_fifth(int32_t x)
{
    return stapes_add_high_product(x >> 1, x, FIFTH_TURN_Q32);
}

static inline int32_t near_fifth(int32_t near, int32_t far)
{
    const int32_t one = stapes_subtract_high_product(near + (far >> 1), near, LESS_THAN_SINE_Q32);
    return stapes_add_high_product(one, far, MORE_THAN_HALF_Q32);
}

static inline int32_t far_fifth(int32_t near, int32_t far)
{
    const int32_t two = stapes_add_high_product((near >> 1) - far, near, MORE_THAN_HALF_Q32);
    return stapes_add_high_product(two, far, LESS_THAN_SINE_Q32);
}

static inline void sums_5(const int32_t *x, int32_t apart, point *b)
{
    const point x0 = at(x);
    const point x1 = at(x + apart);
    const point x2 = at(x + 2 * apart);
    const point x3 = at(x + 3 * apart);
    const point x4 = at(x + 4 * apart);
    const point near = sum(x1, x4);
    const point far = sum(x2, x3);
    const point d1 = difference(x1, x4);
    const point d2 = difference(x2, x3);
    const point both = sum(near, far);
    const point mid = {x0.re - (both.re >> 2), x0.im - (both.im >> 2)};
    const point wide = {wide_fifth(near.re - far.re), wide_fifth(near.im - far.im)};
    const point n1 = {near_fifth(d1.re, d2.re), near_fifth(d1.im, d2.im)};
    const point n2 = {far_fifth(d1.re, d2.re), far_fifth(d1.im, d2.im)};
    const point m1 = sum(mid, wide);
    const point m2 = difference(mid, wide);
    b[0] = sum(x0, both);
    b[1] = difference_turned(m1, n1);
    b[2] = difference_turned(m2, n2);
    b[3] = sum_turned(m2, n2);
    b[4] = sum_turned(m1, n1);
}

/* The stages: the butterflies of the first group are not turned, nor is the first sum of the others. */
static void radix_2(const int32_t *x, int32_t *y, stage s, const int32_t *twiddle)
{
    point b[2];
    for (int32_t q = 0; q < s.stride; q += 2) {
        sums_2(&x[q], s.apart, b);
        put(&y[q], divided(b[0], s.shift, s.half));
        put(&y[q + s.stride], divided(b[1], s.shift, s.half));
    }
    for (int32_t p = 1; p < s.groups; p++) {
        x += s.stride;
        y += 2 * s.stride;
        for (int32_t q = 0; q < s.stride; q += 2) {
            sums_2(&x[q], s.apart, b);
            put(&y[q], divided(b[0], s.shift, s.half));
            put(&y[q + s.stride], turned(b[1], twiddle));
        }
        twiddle += 2;
    }
}

static void radix_3(const int32_t *x, int32_t *y, stage s, const int32_t *twiddle)
{
    point b[3];
    for (int32_t q = 0; q < s.stride; q += 2) {
        sums_3(&x[q], s.apart, b);
        put(&y[q], divided(b[0], s.shift, s.half));
        put(&y[q + s.stride], divided(b[1], s.shift, s.half));
        put(&y[q + 2 * s.stride], divided(b[2], s.shift, s.half));
    }
    for (int32_t p = 1; p < s.groups; p++) {
        x += s.stride;
        y += 3 * s.stride;
        for (int32_t q = 0; q < s.stride; q += 2) {
            sums_3(&x[q], s.apart, b);
            put(&y[q], divided(b[0], s.shift, s.half));
            put(&y[q + s.stride], turned(b[1], twiddle));
            put(&y[q + 2 * s.stride], turned(b[2], twiddle + 2));
        }
        twiddle += 4;
    }
}

static void radix_4(const int32_t *x, int32_t *y, stage s, const int32_t *twiddle)
{
    point b[4];
    for (int32_t q = 0; q < s.stride; q += 2) {
        sums_4(&x[q], s.apart, b);
        put(&y[q], divided(b[0], s.shift, s.half));
        put(&y[q + s.stride], divided(b[1], s.shift, s.half));
        put(&y[q + 2 * s.stride], divided(b[2], s.shift, s.half));
        put(&y[q + 3 * s.stride], divided(b[3], s.shift, s.half));
    }
    for (int32_t p = 1; p < s.groups; p++) {
        x += s.stride;
        y += 4 * s.stride;
        for (int32_t q = 0; q < s.stride; q += 2) {
            sums_4(&x[q], s.apart, b);
            put(&y[q], divided(b[0], s.shift, s.half));
            put(&y[q + s.stride], turned(b[1], twiddle));
            put(&y[q + 2 * s.stride], turned(b[2], twiddle + 2));
            put(&y[q + 3 * s.stride], turned(b[3], twiddle + 4));
        }
        twiddle += 6;
    }
}

static void radix_5(const int32_t *x, int32_t *y, stage s, const int32_t *twiddle)
{
    point b[5];
    for (int32_t q = 0; q < s.stride; q += 2) {
        sums_5(&x[q], s.apart, b);
        put(&y[q], divided(b[0], s.shift, s.half));
        put(&y[q + s.stride], divided(b[1], s.shift, s.half));
        put(&y[q + 2 * s.stride], divided(b[2], s.shift, s.half));
        put(&y[q + 3 * s.stride], divided(b[3], s.shift, s.half));
        put(&y[q + 4 * s.stride], divided(b[4], s.shift, s.half));
    }
    for (int32_t p = 1; p < s.groups; p++) {
        x += s.stride;
        y += 5 * s.stride;
        for (int32_t q = 0; q < s.stride; q += 2) {
            sums_5(&x[q], s.apart, b);
            put(&y[q], divided(b[0], s.shift, s.half));
            put(&y[q + s.stride], turned(b[1], twiddle));
            put(&y[q + 2 * s.stride], turned(b[2], twiddle + 2));
            put(&y[q + 3 * s.stride], turned(b[3], twiddle + 4));
            put(&y[q + 4 * s.stride], turned(b[4], twiddle + 6));
        }
        twiddle += 8;
    }
}

/* The complex transform of N / 2 points: from `from` to `to` and back, as often as there are stages. */
static void cfft(const stapes_mixed_rfft_tables *tables, int32_t *from, int32_t *to)
{
    const int32_t count = tables->stage_count;
    const int32_t *twiddle = tables->twiddle_q31;
    int32_t *x = from;
    int32_t *y = to;
    int32_t *other;
    stage s = {tables->length >> 1, 2, 0, 0, 0};
    for (int32_t i = 0; i < count; i++) {
        const int32_t radix = tables->stages[2 * i];
        s.groups /= radix;
        s.apart = s.groups * s.stride;
        s.shift = tables->stages[2 * i + 1];
        s.half = (int32_t)((1u << s.shift) >> 1);
        if (radix == 4) {
            radix_4(x, y, s, twiddle);
        } else if (radix == 5) {
            radix_5(x, y, s, twiddle);
        } else if (radix == 3) {
            radix_3(x, y, s, twiddle);
        } else {
            radix_2(x, y, s, twiddle);
        }
        twiddle += 2 * (radix - 1) * (s.groups - 1);
        s.stride *= radix;
        other = x;
        x = y;
        y = other;
    }
}

/* z[N], the transform of the complex points -> spectrum[N + 2], which may begin where z does. */
static void split(const stapes_mixed_rfft_tables *tables, const int32_t *z, int32_t *spectrum)
{
    const int32_t length = tables->length;
    const int32_t *cos_sin = tables->split_q31;
    const point first = at(z);
    int32_t high = length - 2;
    int32_t low = 2;
    for (; low < high; low += 2) {
        const point a = at(&z[low]);
        const point b = at(&z[high]);
        const int32_t c = cos_sin[low - 2];
        const int32_t s = cos_sin[low - 1];
        const point both = {a.re + b.re, a.im - b.im};
        const point d = {a.re - b.re, a.im + b.im};
        const point low_bin = {
            stapes_add_high_product(stapes_subtract_high_product(both.re >> 1, d.re, s), d.im, c),
            stapes_subtract_high_product(stapes_subtract_high_product(both.im >> 1, d.im, s), d.re, c)};
        const point high_bin = {both.re - low_bin.re, low_bin.im - both.im};
        put(&spectrum[low], low_bin);
        put(&spectrum[high], high_bin);
        high -= 2;
    }
    if (low == high) {
        const point middle = {z[low], -z[low + 1]};
        put(&spectrum[low], middle);
    }
    spectrum[0] = first.re + first.im;
    spectrum[1] = 0;
    spectrum[length] = first.re - first.im;
    spectrum[length + 1] = 0;
}

/* Left shift that every value still holds in 32 bits. */
static int32_t headroom(const int32_t *values, int32_t size)
{
    uint32_t used = 0;
    for (int32_t i = 0; i < size; i++) {
        used |= (uint32_t)(values[i] ^ (values[i] >> 31));
    }
    return used != 0u ? stapes_leading_zeros(used) - 1 : 31;
}

static inline point normal(const int32_t *x, int32_t exponent)
{
    const point p = {stapes_shift_left(x[0], exponent) >> 4, stapes_shift_left(x[1], exponent) >> 4};
    return p;
}

/* spectrum[N + 2] -> z[N], the complex points whose transform is the inverse, which may begin where `spectrum` does. */
static void join(const stapes_mixed_rfft_tables *tables, int32_t exponent, const int32_t *spectrum, int32_t *z)
{
    const int32_t length = tables->length;
    const int32_t *cos_sin = tables->split_q31;
    const point first = normal(spectrum, exponent);
    const point last = normal(&spectrum[length], exponent);
    int32_t high = length - 2;
    int32_t low = 2;
    for (; low < high; low += 2) {
        const point a = normal(&spectrum[low], exponent);
        const point b = normal(&spectrum[high], exponent);
        const int32_t c = cos_sin[low - 2];
        const int32_t s = cos_sin[low - 1];
        const point both = {a.re + b.re, a.im - b.im};
        const point d = {a.re - b.re, a.im + b.im};
        const point low_bin = {
            stapes_subtract_high_product(stapes_subtract_high_product(both.re >> 1, d.re, s), d.im, c),
            stapes_add_high_product(stapes_subtract_high_product(both.im >> 1, d.im, s), d.re, c)};
        const point high_bin = {both.re - low_bin.re, low_bin.im - both.im};
        put(&z[high], low_bin);
        put(&z[low], high_bin);
        high -= 2;
    }
    if (low == high) {
        const point middle = normal(&spectrum[low], exponent);
        z[low] = middle.re;
        z[low + 1] = -middle.im;
    }
    z[0] = (first.re + last.re) >> 1;
    z[1] = (first.re - last.re) >> 1;
}

void stapes_mixed_rfft_q31(const stapes_mixed_rfft_tables *tables, int32_t *time, int32_t *spectrum)
{
    cfft(tables, time, spectrum);
    split(tables, (tables->stage_count & 1u) != 0u ? spectrum : time, spectrum);
}

int32_t stapes_mixed_irfft_q31(const stapes_mixed_rfft_tables *tables, int32_t *spectrum, int32_t *time)
{
    const int32_t length = tables->length;
    const int32_t exponent = headroom(spectrum, length + 2);
    if ((tables->stage_count & 1u) != 0u) {
        join(tables, exponent, spectrum, spectrum);
        cfft(tables, spectrum, time);
    } else {
        join(tables, exponent, spectrum, time);
        cfft(tables, time, spectrum);
    }
    return exponent;
}
