#include "stapes_nn.h"

void stapes_copy_s32(const stapes_copy_params *p, const int32_t *x, int32_t *y)
{
    const int32_t *from = p->input_step;
    const int32_t *to = p->output_step;
    x += p->input_offset;
    y += p->output_offset;
    for (int32_t a = 0; a < p->extent[0]; a++) {
        for (int32_t b = 0; b < p->extent[1]; b++) {
            for (int32_t c = 0; c < p->extent[2]; c++) {
                const int32_t *source = x + a * from[0] + b * from[1] + c * from[2];
                int32_t *target = y + a * to[0] + b * to[1] + c * to[2];
                for (int32_t d = 0; d < p->extent[3]; d++) {
                    target[d * to[3]] = source[d * from[3]];
                }
            }
        }
    }
}
