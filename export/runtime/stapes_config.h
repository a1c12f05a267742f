#ifndef STAPES_CONFIG_H
#define STAPES_CONFIG_H

/* What a firmware decides: in which memory things lie. Each macro below may be given on the command line, or all of them
 * in a header of your own that no export writes over: -DSTAPES_CONFIG_FILE='"my_stapes_config.h"', for all files. Other
 * macros of this library may stand there too, such as STAPES_SELF_TEST_AUDIO, STAPES_STREAM_CLEAN.
 */
#ifdef STAPES_CONFIG_FILE
#include STAPES_CONFIG_FILE
#endif

/* Alignment of constant arrays. The assembly for the Cortex-M7 reads words: at least 4 must remain. */
#ifndef STAPES_ALIGNED
#if defined(__GNUC__) || defined(__clang__)
#define STAPES_ALIGNED __attribute__((aligned(16)))
#elif defined(__ICCARM__)
#define STAPES_ALIGNED _Pragma("data_alignment=16")
#else
#define STAPES_ALIGNED
#endif
#endif

/* Weights, for example __attribute__((section(".qspi"))). The start-up code of a Teensy 4 copies constants to RAM, except
 * for those in .progmem.
 */
#ifndef STAPES_WEIGHTS
#ifdef __IMXRT1062__
#define STAPES_WEIGHTS __attribute__((section(".progmem")))
#else
#define STAPES_WEIGHTS
#endif
#endif

/* Tables of the runtime, 7 kB at most, which are read at random places: fast memory is of use here. */
#ifndef STAPES_TABLES
#define STAPES_TABLES STAPES_WEIGHTS
#endif

/* Golden vectors, which the self-test alone reads. */
#ifndef STAPES_GOLDEN
#ifdef __IMXRT1062__
#define STAPES_GOLDEN __attribute__((section(".progmem")))
#else
#define STAPES_GOLDEN
#endif
#endif

/* The innermost loops, for example __attribute__((section(".itcm"))). A Teensy 4 has all functions in ITCM by itself. */
#ifndef STAPES_HOT
#define STAPES_HOT
#endif

#endif
