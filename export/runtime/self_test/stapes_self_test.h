#ifndef STAPES_SELF_TEST_H
#define STAPES_SELF_TEST_H

/* What the self-test of every generated program is made of. */

#include <stddef.h>
#include <stdint.h>

#include "../stapes_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The first thing that is wrong. `part` names what was tested: an array, an output, a function; it is "" where nothing is
 * wrong. A checksum has no frame and no index: both are -1, and `got` and `expected` hold its 32 bits.
 */
typedef struct {
    stapes_status status;
    const char *part;
    int32_t frame;
    int32_t index;
    int32_t got;
    int32_t expected;
} stapes_self_test_report;

/* A constant array, and the CRC-32 of its bytes on a little-endian device. */
typedef struct {
    const char *name;
    const void *data;
    size_t bytes;
    uint32_t crc32;
} stapes_checked_array;

/* CRC-32 as in Ethernet and zlib: polynomial 0xEDB88320 reflected, all bits set at first and inverted at last. */
uint32_t stapes_crc32(const void *data, size_t bytes);

/* STAPES_ERROR_WEIGHTS, and the report filled, at the first array whose bytes have another checksum. */
stapes_status stapes_check_arrays(const stapes_checked_array *arrays, size_t count, stapes_self_test_report *report);

/* STAPES_ERROR_MISMATCH, and the report filled, at the first of `size` values that differs. */
stapes_status stapes_compare_s8(const char *part, int32_t frame, int32_t size, const int8_t *got,
                                const int8_t *expected, stapes_self_test_report *report);
stapes_status stapes_compare_s16(const char *part, int32_t frame, int32_t size, const int16_t *got,
                                 const int16_t *expected, stapes_self_test_report *report);

#ifdef __cplusplus
}
#endif

#endif
