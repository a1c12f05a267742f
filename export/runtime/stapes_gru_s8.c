#include "stapes_elementwise.h"

void stapes_gru_s8(const stapes_gru_s8_params *p, const int8_t *x, const int8_t *h, int8_t *scratch, int8_t *h_out)
{
    const int32_t hidden = p->hr.batch * p->hr.outputs;
    int8_t *const xr = scratch;
    int8_t *const xz = xr + hidden;
    int8_t *const xn = xz + hidden;
    int8_t *const hr = xn + hidden;
    int8_t *const hz = hr + hidden;
    int8_t *const hn = hz + hidden;

    stapes_fully_connected_s8(&p->xr, x, xr);
    stapes_fully_connected_s8(&p->xz, x, xz);
    stapes_fully_connected_s8(&p->xn, x, xn);
    stapes_fully_connected_s8(&p->hr, h, hr);
    stapes_fully_connected_s8(&p->hz, h, hz);
    stapes_fully_connected_s8(&p->hn, h, hn);

    for (int32_t i = 0; i < hidden; i++) {
        const int32_t r = stapes_lut(&p->r, stapes_add(&p->ar, xr[i], hr[i]));
        const int32_t z = stapes_lut(&p->z, stapes_add(&p->az, xz[i], hz[i]));
        const int32_t rhn = stapes_mul(&p->rhn, r, hn[i]);
        const int32_t n = stapes_lut(&p->n, stapes_add(&p->an, xn[i], rhn));
        const int32_t d = stapes_clamp(stapes_rounding_divide_by_pot(h[i] - n, 1), INT8_MIN, INT8_MAX);
        const int32_t zd = stapes_mul_by_pot(z + 128, d, 7);
        h_out[i] = (int8_t)stapes_clamp(n + 2 * zd, INT8_MIN, INT8_MAX);
    }
}
