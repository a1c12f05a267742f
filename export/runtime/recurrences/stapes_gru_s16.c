#include "../layers/stapes_elementwise.h"
#include "../matrices/stapes_rows.h"
#include "stapes_recurrences.h"

/* x = sigmoid(x + h) over count units. */
static void open_gate(const stapes_aligned_add_params *sum, const stapes_sigmoid_params *curve, int32_t count,
                      int16_t *x, const int16_t *h)
{
    for (int32_t i = 0; i < count; i++) {
        x[i] = (int16_t)stapes_logistic(curve, stapes_aligned_add(sum, x[i], h[i]));
    }
}

/* h_out of count units from r, z, xn, hn and h. */
static void renew(const stapes_gru_s16_params *p, int32_t count, const int16_t *r, const int16_t *z, const int16_t *xn,
                  const int16_t *hn, const int16_t *h, int16_t *h_out)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t rhn = stapes_mul_by_pot(r[i], hn[i], 14);
        const int32_t n = stapes_tanh(&p->n, stapes_aligned_add(&p->an, xn[i], rhn));
        const int32_t d = stapes_saturate_s16(stapes_half(h[i] - n));
        const int32_t zd = stapes_mul_by_pot(z[i], d, 14);
        h_out[i] = (int16_t)stapes_saturate_s16(n + 2 * zd);
    }
}

void stapes_gru_s16(const stapes_gru_s16_params *p, const int16_t *x, const int16_t *h, int16_t *scratch,
                    int16_t *h_out)
{
    int16_t *const x_vector = scratch;
    int16_t *const h_vector = x_vector + STAPES_VECTOR_SIZE(p->x.inputs);

    for (int32_t vector = 0; vector < p->batch; vector++) {
        const int16_t *const given = stapes_give_s16(p->x.inputs, x, x_vector);
        stapes_take_s16(p->hidden, h, h_vector);
        for (int32_t unit = 0; unit < p->hidden; unit += STAPES_GRU_UNITS) {
            int16_t from_x[3 * STAPES_GRU_UNITS], from_h[3 * STAPES_GRU_UNITS];
            const int32_t left = p->hidden - unit;
            const int32_t count = left < STAPES_GRU_UNITS ? left : STAPES_GRU_UNITS;
            const int32_t size = STAPES_VECTOR_SIZE(count); /* values of a gate */
            stapes_rows(&p->x, 3 * unit / 4, 3 * size / 4, given, from_x);
            stapes_rows(&p->h, 3 * unit / 4, 3 * size / 4, h_vector, from_h);
            open_gate(&p->ar, &p->r, count, from_x, from_h);
            open_gate(&p->az, &p->z, count, from_x + size, from_h + size);
            renew(p, count, from_x, from_x + size, from_x + 2 * size, from_h + 2 * size, h_vector + unit, h_out + unit);
        }
        x += p->x.inputs;
        h += p->hidden;
        h_out += p->hidden;
    }
}
