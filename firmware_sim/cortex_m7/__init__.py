"""An exported program on an emulated Cortex-M7: `toolchain` (compile), `firmware` (the ELF), `unicorn_device` and
`qemu_device` (run), `counting` and `stages` (executed instructions), `measure` (the report), `network_device` (a network
alone, without an audio path), `self_test` (the program's own). `c/` is what stands around the program: start-up, linker
script, semihosting.
"""
