/* What the test uses of ztest: one suite, one test, run by main. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define ZTEST_SUITE(suite, predicate, setup, before, after, teardown) static const char *const suite = #suite

#define ZTEST(of, name)                      \
    static void name(void);                  \
    int main(void)                           \
    {                                        \
        name();                              \
        printf("PASS - %s.%s\n", of, #name); \
        return 0;                            \
    }                                        \
    static void name(void)

#define zassert_equal(a, b, ...)       \
    do {                               \
        if ((a) != (b)) {              \
            (void)printf(__VA_ARGS__); \
            exit(1);                   \
        }                              \
    } while (0)
