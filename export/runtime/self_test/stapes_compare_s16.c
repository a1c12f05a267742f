#include "stapes_self_test.h"

stapes_status stapes_compare_s16(const char *part, int32_t frame, int32_t size, const int16_t *got,
                                 const int16_t *expected, stapes_self_test_report *report)
{
    stapes_status status = STAPES_OK;
    for (int32_t i = 0; i < size && status == STAPES_OK; i++) {
        if (got[i] != expected[i]) {
            status = STAPES_ERROR_MISMATCH;
            report->status = status;
            report->part = part;
            report->frame = frame;
            report->index = i;
            report->got = got[i];
            report->expected = expected[i];
        }
    }
    return status;
}
