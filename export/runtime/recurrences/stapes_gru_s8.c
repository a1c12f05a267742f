#include "../layers/stapes_elementwise.h"
#include "../matrices/stapes_rows.h"
#include "stapes_recurrences.h"

/* x = curve(x + h) over count units. */
static void add_and_look_up(const stapes_quick_add_params *sum, const stapes_lut_params *curve, int32_t count,
                            int16_t *x, const int16_t *h)
{
    const int16_t *const exact = sum->second_is_exact ? h : x;
    const int16_t *const other = sum->second_is_exact ? x : h;
#if STAPES_VECTORS /* of which none looks up: all sums come first */
    int16_t codes[STAPES_GRU_UNITS];
    for (int32_t i = 0; i < count; i++) {
        codes[i] = (int16_t)stapes_quick_add(sum, exact[i], other[i]);
    }
    for (int32_t i = 0; i < count; i++) {
        x[i] = stapes_lut(curve, codes[i]);
    }
#else
    for (int32_t i = 0; i < count; i++) {
        x[i] = stapes_lut(curve, stapes_quick_add(sum, exact[i], other[i]));
    }
#endif
}

/* h = r * h over count units. */
static void reset_units(const stapes_quick_mul_params *product, int32_t count, const int16_t *r, int16_t *h)
{
    for (int32_t i = 0; i < count; i++) {
        h[i] = (int16_t)stapes_quick_mul(product, r[i], h[i]);
    }
}

/* h_out of count units from z, n and h. */
static void renew(int32_t count, const int16_t *z, const int16_t *n, const int16_t *h, int8_t *h_out)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t fresh = n[i] - stapes_mul_by_pot(z[i] + 128, n[i], 7);
        const int32_t zh = stapes_mul_by_pot(z[i] + 128, h[i], 7);
        h_out[i] = (int8_t)stapes_saturate_s8(fresh + zh);
    }
}

void stapes_gru_s8(const stapes_gru_s8_params *p, const int8_t *x, const int8_t *h, int16_t *scratch, int8_t *h_out)
{
    int16_t *const x_vector = scratch;
    int16_t *const h_vector = x_vector + STAPES_VECTOR_SIZE(p->x.inputs);

    for (int32_t vector = 0; vector < p->batch; vector++) {
        stapes_take_s8(p->x.inputs, x, x_vector);
        stapes_take_s8(p->hidden, h, h_vector);
        for (int32_t unit = 0; unit < p->hidden; unit += STAPES_GRU_UNITS) {
            int16_t from_x[3 * STAPES_GRU_UNITS], from_h[3 * STAPES_GRU_UNITS];
            const int32_t left = p->hidden - unit;
            const int32_t count = left < STAPES_GRU_UNITS ? left : STAPES_GRU_UNITS;
            const int32_t size = STAPES_VECTOR_SIZE(count); /* values of a gate */
            int16_t *const r = from_x, *const z = r + size, *const n = z + size, *const hn = from_h + 2 * size;
            stapes_rows(&p->x, 3 * unit / 4, 3 * size / 4, x_vector, from_x);
            stapes_rows(&p->h, 3 * unit / 4, 3 * size / 4, h_vector, from_h);
            add_and_look_up(&p->ar, &p->r, count, r, from_h);
            add_and_look_up(&p->az, &p->z, count, z, from_h + size);
            reset_units(&p->rhn, count, r, hn);
            add_and_look_up(&p->an, &p->n, count, n, hn);
            renew(count, z, n, h_vector + unit, h_out + unit);
        }
        x += p->x.inputs;
        h += p->hidden;
        h_out += p->hidden;
    }
}
