#include <zephyr/kernel.h>

struct k_timer *running_timer;
