/* What the double buffer calls before it reads a half, where time passes in this test, and after it wrote one. */
#pragma once

#include <stddef.h>

void block_begins(const void *half, size_t bytes);
void block_ends(const void *half, size_t bytes);

#define STAPES_STREAM_INVALIDATE(address, bytes) block_begins(address, bytes)
#define STAPES_STREAM_CLEAN(address, bytes) block_ends(address, bytes)
