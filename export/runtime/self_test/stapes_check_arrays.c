#include "stapes_self_test.h"

stapes_status stapes_check_arrays(const stapes_checked_array *arrays, size_t count, stapes_self_test_report *report)
{
    stapes_status status = STAPES_OK;
    for (size_t i = 0; i < count && status == STAPES_OK; i++) {
        const uint32_t crc32 = stapes_crc32(arrays[i].data, arrays[i].bytes);
        if (crc32 != arrays[i].crc32) {
            status = STAPES_ERROR_WEIGHTS;
            report->status = status;
            report->part = arrays[i].name;
            report->frame = -1;
            report->index = -1;
            report->got = (int32_t)crc32;
            report->expected = (int32_t)arrays[i].crc32;
        }
    }
    return status;
}
