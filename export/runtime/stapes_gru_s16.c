#include "stapes_elementwise.h"
#include "stapes_rows.h"

void stapes_gru_s16(const stapes_gru_s16_params *p, const int16_t *x, const int16_t *h, int16_t *scratch,
                    int16_t *h_out)
{
    const int32_t hidden = p->hr.outputs;
    int16_t *const x_vector = scratch;
    int16_t *const h_vector = x_vector + STAPES_VECTOR_SIZE(p->xr.inputs);

    for (int32_t vector = 0; vector < p->hr.batch; vector++) {
        stapes_take_s16(p->xr.inputs, x, x_vector);
        stapes_take_s16(hidden, h, h_vector);
        for (int32_t unit = 0; unit < hidden; unit += 4) {
            int32_t xr[4], xz[4], xn[4], hr[4], hz[4], hn[4];
            stapes_rows(&p->xr, unit, x_vector, xr);
            stapes_rows(&p->xz, unit, x_vector, xz);
            stapes_rows(&p->xn, unit, x_vector, xn);
            stapes_rows(&p->hr, unit, h_vector, hr);
            stapes_rows(&p->hz, unit, h_vector, hz);
            stapes_rows(&p->hn, unit, h_vector, hn);
            for (int32_t i = 0; i < 4 && unit + i < hidden; i++) {
                const int32_t r = stapes_sigmoid(&p->r, stapes_aligned_add(&p->ar, xr[i], hr[i]));
                const int32_t z = stapes_sigmoid(&p->z, stapes_aligned_add(&p->az, xz[i], hz[i]));
                const int32_t rhn = stapes_mul_by_pot(r, hn[i], 14);
                const int32_t n = stapes_sigmoid(&p->n, stapes_aligned_add(&p->an, xn[i], rhn));
                const int32_t difference = h_vector[unit + i] - n;
                const int32_t d = stapes_clamp(stapes_rounding_divide_by_pot(difference, 1), INT16_MIN, INT16_MAX);
                const int32_t zd = stapes_mul_by_pot(z, d, 14);
                h_out[unit + i] = (int16_t)stapes_clamp(n + 2 * zd, INT16_MIN, INT16_MAX);
            }
        }
        x += p->xr.inputs;
        h += hidden;
        h_out += hidden;
    }
}
