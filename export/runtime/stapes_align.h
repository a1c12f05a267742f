#ifndef STAPES_ALIGN_H
#define STAPES_ALIGN_H

/* Placement of constant tables and of contexts. Both macros may be given on the command line; the assembly for the
 * Cortex-M7 reads words, so that an alignment of at least 4 must remain.
 */

#ifndef STAPES_ALIGNED
#if defined(__GNUC__) || defined(__clang__)
#define STAPES_ALIGNED __attribute__((aligned(16)))
#elif defined(__ICCARM__)
#define STAPES_ALIGNED _Pragma("data_alignment=16")
#else
#define STAPES_ALIGNED
#endif
#endif

/* For example -DSTAPES_WEIGHTS='__attribute__((section(".qspi")))' puts all weights there. */
#ifndef STAPES_WEIGHTS
#define STAPES_WEIGHTS
#endif

#endif
