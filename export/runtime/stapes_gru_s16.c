#include "stapes_elementwise.h"

void stapes_gru_s16(const stapes_gru_s16_params *p, const int16_t *x, const int16_t *h, int16_t *scratch,
                    int16_t *h_out)
{
    const int32_t hidden = p->hr.batch * p->hr.outputs;
    int16_t *const xr = scratch;
    int16_t *const xz = xr + hidden;
    int16_t *const xn = xz + hidden;
    int16_t *const hr = xn + hidden;
    int16_t *const hz = hr + hidden;
    int16_t *const hn = hz + hidden;

    stapes_fully_connected_s16(&p->xr, x, xr);
    stapes_fully_connected_s16(&p->xz, x, xz);
    stapes_fully_connected_s16(&p->xn, x, xn);
    stapes_fully_connected_s16(&p->hr, h, hr);
    stapes_fully_connected_s16(&p->hz, h, hz);
    stapes_fully_connected_s16(&p->hn, h, hn);

    for (int32_t i = 0; i < hidden; i++) {
        const int32_t r = stapes_sigmoid(&p->r, stapes_aligned_add(&p->ar, xr[i], hr[i]));
        const int32_t z = stapes_sigmoid(&p->z, stapes_aligned_add(&p->az, xz[i], hz[i]));
        const int32_t rhn = stapes_mul_by_pot(r, hn[i], 14);
        const int32_t n = stapes_sigmoid(&p->n, stapes_aligned_add(&p->an, xn[i], rhn));
        const int32_t d = stapes_clamp(stapes_rounding_divide_by_pot(h[i] - n, 1), INT16_MIN, INT16_MAX);
        const int32_t zd = stapes_mul_by_pot(z, d, 14);
        h_out[i] = (int16_t)stapes_clamp(n + 2 * zd, INT16_MIN, INT16_MAX);
    }
}
