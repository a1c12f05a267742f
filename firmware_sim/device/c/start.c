/* Vector table and start-up: memory, floating-point unit, main. A fault ends the run with its number. */
#include "semihosting.h"

extern uint32_t device_data_start[], device_data_end[], device_bss_start[], device_bss_end[], device_stack_top[];
extern const uint32_t device_data_image[];

int main(void);
void Reset_Handler(void);

enum { STATUS_OF_FAULTS = 128 };

#define SYSTEM_CONTROL_ICSR (*(volatile const uint32_t *)0xE000ED04u)
#define SYSTEM_CONTROL_CPACR (*(volatile uint32_t *)0xE000ED88u)

static void fault(void)
{
    semihosting_exit(STATUS_OF_FAULTS + (int32_t)(SYSTEM_CONTROL_ICSR & 0x1FFu));
}

/* clang-format off */
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))device_stack_top,
    Reset_Handler,
    fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
};
/* clang-format on */

void Reset_Handler(void)
{
    const uint32_t *image = device_data_image;
    SYSTEM_CONTROL_CPACR |= 0xFu << 20; /* full access to the floating-point unit */
    __asm__ volatile("dsb\n\tisb");
    for (volatile uint32_t *word = device_data_start; word < device_data_end; word++) {
        *word = *image++;
    }
    for (volatile uint32_t *word = device_bss_start; word < device_bss_end; word++) {
        *word = 0u;
    }
    semihosting_exit(main());
}
