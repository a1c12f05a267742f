#ifndef DEVICE_SEMIHOSTING_H
#define DEVICE_SEMIHOSTING_H

/* The few calls to the debugger's host that a test needs: numbers and blocks of Arm's semihosting specification. */

#include <stddef.h>
#include <stdint.h>

enum { SEMIHOSTING_READ_BINARY = 1, SEMIHOSTING_WRITE_BINARY = 5 };

/* A handle, or -1. */
int32_t semihosting_open(const char *name, size_t length, int32_t mode);

/* Bytes that were read. */
size_t semihosting_read(int32_t file, void *data, size_t size);

/* 0 when all bytes were written. */
int32_t semihosting_write(int32_t file, const void *data, size_t size);

int32_t semihosting_close(int32_t file);

void semihosting_exit(int32_t status);

#endif
