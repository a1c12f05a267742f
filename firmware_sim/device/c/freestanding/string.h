#ifndef DEVICE_STRING_H
#define DEVICE_STRING_H

/* For compilers without a C library: the builtins, so that copies of known size stay inline. */

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
void *memmove(void *to, const void *from, size_t size);

#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define memmove __builtin_memmove

#endif
