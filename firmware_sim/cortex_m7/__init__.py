"""An exported program on an emulated Cortex-M7: `toolchain` (compile), `firmware` (the ELF), `unicorn_device` and
`qemu_device` (run), `counting` and `stages` (executed instructions), `measure` (the report), `self_test` (the program's
own). `c/` is what stands around the program: start-up, linker script, semihosting.
"""
