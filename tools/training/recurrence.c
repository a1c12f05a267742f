/* One layer of a GRU over T frames of B crops, H units, for training: the state's way forwards and the gradient's way back.
 *
 * Arrays are float, C order. A weight matrix (K, N) comes in panels of 32 columns: (N / 32, K, 32). B is a multiple of 8,
 * H one of 32. Gates stand in the order r, z, n. Compiled with -O3 -march=native -ffast-math; needs GCC or Clang.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

typedef float lanes __attribute__((vector_size(64), aligned(4), may_alias));

enum { PANEL = 32, ROWS = 8, LANES = 16 };

/* out (B, N) = start + in (B, K) * weights; start is the bias (N,), or without one what out holds. */
static void product(float *out, const float *in, const float *weights, const float *bias, int B, int K, int N)
{
    for (int column = 0; column < N; column += PANEL) {
        const float *panel = weights + (ptrdiff_t)column * K;
        for (int row = 0; row < B; row += ROWS) {
            const float *x = in + (ptrdiff_t)row * K;
            float *y = out + (ptrdiff_t)row * N + column;
            lanes sum[ROWS][2];
            for (int i = 0; i < ROWS; i++) {
                const float *start = bias ? bias + column : y + (ptrdiff_t)i * N;
                sum[i][0] = *(const lanes *)start;
                sum[i][1] = *(const lanes *)(start + LANES);
            }
            for (int k = 0; k < K; k++) {
                const lanes low = *(const lanes *)(panel + k * PANEL),
                            high = *(const lanes *)(panel + k * PANEL + LANES);
#pragma GCC unroll 8
                for (int i = 0; i < ROWS; i++) {
                    sum[i][0] += x[(ptrdiff_t)i * K + k] * low;
                    sum[i][1] += x[(ptrdiff_t)i * K + k] * high;
                }
            }
            for (int i = 0; i < ROWS; i++) {
                *(lanes *)(y + (ptrdiff_t)i * N) = sum[i][0];
                *(lanes *)(y + (ptrdiff_t)i * N + LANES) = sum[i][1];
            }
        }
    }
}

static void forward_step(int H, const float *restrict x, const float *restrict h, float *restrict g, float *restrict n,
                         float *restrict d, float *restrict next)
{
    for (int i = 0; i < 2 * H; i++)
        g[i] = 1.0f / (1.0f + expf(-(g[i] + x[i])));
    for (int i = 0; i < H; i++) {
        n[i] = 2.0f / (1.0f + expf(-2.0f * (x[2 * H + i] + g[i] * g[2 * H + i]))) - 1.0f;
        d[i] = h[i] - n[i];
        next[i] = n[i] + g[H + i] * d[i];
    }
}

/* x (T, B, 3H): the terms of the input; weights of (H, 3H), bias (3H,) ->
 * states (T + 1, B, H), of which the first is given; g (T, B, 3H): r, z and the recurrent term of n; n, d = h - n (T, B, H). */
void gru_forward(int T, int B, int H, const float *x, const float *weights, const float *bias, float *states, float *g,
                 float *n, float *d)
{
    for (ptrdiff_t t = 0; t < T; t++) {
        product(g + t * B * 3 * H, states + t * B * H, weights, bias, B, H, 3 * H);
        for (ptrdiff_t row = t * B; row < (t + 1) * B; row++)
            forward_step(H, x + row * 3 * H, states + row * H, g + row * 3 * H, n + row * H, d + row * H,
                         states + (row + B) * H);
    }
}

static void backward_step(int H, const float *restrict grad, const float *restrict g, const float *restrict n,
                          const float *restrict d, float *restrict back, float *restrict dx, float *restrict dg)
{
    for (int i = 0; i < H; i++) {
        const float dh = grad[i] + back[i], r = g[i], z = g[H + i];
        const float dn = dh * (1.0f - z) * (1.0f - n[i] * n[i]);
        dx[i] = dg[i] = dn * g[2 * H + i] * r * (1.0f - r);
        dx[H + i] = dg[H + i] = dh * d[i] * z * (1.0f - z);
        dx[2 * H + i] = dn;
        dg[2 * H + i] = dn * r;
        back[i] = dh * z;
    }
}

/* grad (T, B, H) of the states, weights of (3H, H), g, n, d of the way forwards ->
 * dx (T, B, 3H) of the terms of the input, dg (T, B, 3H) of the recurrent terms; back (B, H) is scratch. */
void gru_backward(int T, int B, int H, const float *grad, const float *weights, const float *g, const float *n,
                  const float *d, float *dx, float *dg, float *back)
{
    memset(back, 0, sizeof(float) * (size_t)B * (size_t)H);
    for (ptrdiff_t t = T - 1; t >= 0; t--) {
        for (ptrdiff_t b = 0; b < B; b++) {
            const ptrdiff_t row = t * B + b;
            backward_step(H, grad + row * H, g + row * 3 * H, n + row * H, d + row * H, back + b * H, dx + row * 3 * H,
                          dg + row * 3 * H);
        }
        product(back, dg + t * B * 3 * H, weights, NULL, B, 3 * H, H);
    }
}

/* An int8 format: real = (code - zero_point) * scale; `low` and `high` are what rounding brings to -128 and 127. */
typedef struct {
    float scale, zero_point, low, high;
} format;

static inline float quantised(float x, format f)
{
    const float code = rintf(x / f.scale) + f.zero_point;
    return (fminf(fmaxf(code, -128.0f), 127.0f) - f.zero_point) * f.scale;
}

static inline float within(float x, format f)
{
    return x >= f.low && x <= f.high ? 1.0f : 0.0f;
}

/* Formats in front of the gates, in this order, then those behind: gate, candidate and what gates take of candidate and state. */
enum { TERM, CANDIDATE_TERM, GATE_SUM, CANDIDATE_SUM, GATE, CANDIDATE };

static void forward_step_quantised(int H, const format *f, float least, float most, const float *restrict x,
                                   const float *restrict h, const float *restrict g, float *restrict sum,
                                   float *restrict gate, float *restrict rhn, float *restrict an, float *restrict n,
                                   float *restrict d, float *restrict next)
{
    for (int i = 0; i < 2 * H; i++) {
        sum[i] = quantised(g[i], f[TERM]) + x[i];
        gate[i] = quantised(1.0f / (1.0f + expf(-quantised(sum[i], f[GATE_SUM]))), f[GATE]);
    }
    for (int i = 0; i < H; i++) {
        rhn[i] = gate[i] * quantised(g[2 * H + i], f[CANDIDATE_TERM]);
        an[i] = quantised(rhn[i], f[CANDIDATE_TERM]) + x[2 * H + i];
        n[i] = quantised(2.0f / (1.0f + expf(-2.0f * quantised(an[i], f[CANDIDATE_SUM]))) - 1.0f, f[CANDIDATE]);
        d[i] = h[i] - n[i];
        const float zn = quantised(gate[H + i] * n[i], f[CANDIDATE]), zh = quantised(gate[H + i] * h[i], f[CANDIDATE]);
        next[i] = fminf(fmaxf(n[i] - zn + zh, least), most);
    }
}

/* As gru_forward, in int8: x holds the quantised terms of the input, `formats` is [6][4], states lie within least .. most.
 * Kept for the way back: g (T, B, 3H) the recurrent terms, sum and gate (T, B, 2H), r * hn, the sum of n, n, d (T, B, H). */
void gru_forward_quantised(int T, int B, int H, const float *formats, const float *bounds, const float *x,
                           const float *weights, const float *bias, float *states, float *g, float *sum, float *gate,
                           float *rhn, float *an, float *n, float *d)
{
    const format *f = (const format *)formats;
    for (ptrdiff_t t = 0; t < T; t++) {
        product(g + t * B * 3 * H, states + t * B * H, weights, bias, B, H, 3 * H);
        for (ptrdiff_t row = t * B; row < (t + 1) * B; row++)
            forward_step_quantised(H, f, bounds[0], bounds[1], x + row * 3 * H, states + row * H, g + row * 3 * H,
                                   sum + row * 2 * H, gate + row * 2 * H, rhn + row * H, an + row * H, n + row * H,
                                   d + row * H, states + (row + B) * H);
    }
}

static void backward_step_quantised(int H, const format *f, const float *restrict grad, const float *restrict g,
                                    const float *restrict sum, const float *restrict gate, const float *restrict rhn,
                                    const float *restrict an, const float *restrict n, const float *restrict d,
                                    float *restrict back, float *restrict dx, float *restrict dg)
{
    for (int i = 0; i < H; i++) {
        const float dh = grad[i] + back[i], r = gate[i], z = gate[H + i];
        const float dn = dh * (1.0f - z) * (1.0f - n[i] * n[i]) * within(an[i], f[CANDIDATE_SUM]);
        const float drhn = dn * within(rhn[i], f[CANDIDATE_TERM]);
        dx[i] = drhn * g[2 * H + i] * r * (1.0f - r) * within(sum[i], f[GATE_SUM]);
        dx[H + i] = dh * d[i] * z * (1.0f - z) * within(sum[H + i], f[GATE_SUM]);
        dx[2 * H + i] = dn;
        dg[i] = dx[i] * within(g[i], f[TERM]);
        dg[H + i] = dx[H + i] * within(g[H + i], f[TERM]);
        dg[2 * H + i] = drhn * r * within(g[2 * H + i], f[CANDIDATE_TERM]);
        back[i] = dh * z;
    }
}

/* As gru_backward; rounding passes gradients straight through, clipping stops them. */
void gru_backward_quantised(int T, int B, int H, const float *formats, const float *grad, const float *weights,
                            const float *g, const float *sum, const float *gate, const float *rhn, const float *an,
                            const float *n, const float *d, float *dx, float *dg, float *back)
{
    const format *f = (const format *)formats;
    memset(back, 0, sizeof(float) * (size_t)B * (size_t)H);
    for (ptrdiff_t t = T - 1; t >= 0; t--) {
        for (ptrdiff_t b = 0; b < B; b++) {
            const ptrdiff_t row = t * B + b;
            backward_step_quantised(H, f, grad + row * H, g + row * 3 * H, sum + row * 2 * H, gate + row * 2 * H,
                                    rhn + row * H, an + row * H, n + row * H, d + row * H, back + b * H,
                                    dx + row * 3 * H, dg + row * 3 * H);
        }
        product(back, dg + t * B * 3 * H, weights, NULL, B, 3 * H, H);
    }
}
