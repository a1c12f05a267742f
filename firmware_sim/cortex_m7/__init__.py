"""An exported program on an emulated Cortex-M7: `toolchain` (compile), `firmware` (the ELF), `unicorn_device` and `qemu_device`
(the emulators), `unicorn_run` and `qemu_stream` (hops and frames through them), `counting` and `stages` (executed instructions),
`calls` (what is counted, sound or frames), `measure` (the report), `self_test` (the program's own). `c/` is what stands around the
program: start-up, linker script, semihosting.
"""
