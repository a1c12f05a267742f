/* What the sample uses of Zephyr's kernel: a thread that waits for a semaphore lets the timer's interrupt happen. */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define ARG_UNUSED(x) (void)(x)

typedef struct {
    int64_t us;
} k_timeout_t;

#define K_USEC(microseconds) ((k_timeout_t){(microseconds)})
#define K_FOREVER ((k_timeout_t){-1})

struct k_timer {
    void (*expiry)(struct k_timer *timer);
    int64_t period_us;
};

struct k_sem {
    unsigned int count, limit;
};

#define K_TIMER_DEFINE(name, expiry_function, stop_function) struct k_timer name = {(expiry_function), 0}
#define K_SEM_DEFINE(name, initial, most) struct k_sem name = {(initial), (most)}

extern struct k_timer *running_timer;

static inline void k_timer_start(struct k_timer *timer, k_timeout_t duration, k_timeout_t period)
{
    assert(duration.us == 4000 && period.us == 4000);
    timer->period_us = period.us;
    running_timer = timer;
}

static inline void k_timer_stop(struct k_timer *timer)
{
    assert(timer == running_timer);
    running_timer = NULL;
}

static inline void k_sem_give(struct k_sem *sem)
{
    sem->count += sem->count < sem->limit ? 1u : 0u;
}

static inline int k_sem_take(struct k_sem *sem, k_timeout_t timeout)
{
    assert(timeout.us == -1);
    while (sem->count == 0u) {
        assert(running_timer != NULL);
        running_timer->expiry(running_timer);
    }
    sem->count--;
    return 0;
}
