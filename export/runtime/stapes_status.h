#ifndef STAPES_STATUS_H
#define STAPES_STATUS_H

/* What every entry point of a generated program answers. */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    STAPES_OK = 0,
    STAPES_NULL_POINTER = 1,    /* a pointer argument is null */
    STAPES_NOT_INITIALISED = 2, /* the context was not initialised, or by a program of another bundle */
    STAPES_WRONG_SIZE = 3,      /* the caller's context has another size: headers and sources do not match */
    STAPES_MISALIGNED = 4,      /* a context or a block of samples does not stand where its type may stand */
    STAPES_ERROR_WEIGHTS = 5,   /* self-test: the bytes of a constant array are not those that were exported */
    STAPES_ERROR_MISMATCH = 6,  /* self-test: an output differs from its golden vector */
    STAPES_OUT_OF_RANGE = 7     /* a number that the function cannot take */
} stapes_status;

#ifdef __cplusplus
}
#endif

#endif
