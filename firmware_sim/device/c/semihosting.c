#include "semihosting.h"

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { APPLICATION_EXIT = 0x20026 };

static uintptr_t call(uintptr_t operation, const uintptr_t *block)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register const uintptr_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int32_t semihosting_open(const char *name, size_t length, int32_t mode)
{
    const uintptr_t block[3] = {(uintptr_t)name, (uintptr_t)mode, length};
    return (int32_t)call(SYS_OPEN, block);
}

size_t semihosting_read(int32_t file, void *data, size_t size)
{
    const uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)data, size};
    return size - call(SYS_READ, block);
}

int32_t semihosting_write(int32_t file, const void *data, size_t size)
{
    const uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)data, size};
    return (int32_t)call(SYS_WRITE, block);
}

int32_t semihosting_close(int32_t file)
{
    const uintptr_t block[1] = {(uintptr_t)file};
    return (int32_t)call(SYS_CLOSE, block);
}

void semihosting_exit(int32_t status)
{
    const uintptr_t block[2] = {APPLICATION_EXIT, (uintptr_t)status};
    (void)call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}
