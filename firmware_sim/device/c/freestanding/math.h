#ifndef DEVICE_MATH_H
#define DEVICE_MATH_H

/* CMSIS-DSP's headers include it; nothing that is compiled here computes in floating point. */

#define fabsf __builtin_fabsf
#define sqrtf __builtin_sqrtf
#define powf __builtin_powf
#define expf __builtin_expf
#define logf __builtin_logf
#define sinf __builtin_sinf
#define cosf __builtin_cosf

#endif
