"""Exported programs on other processors: `targets` describes each core and each host once (flags, board, memory map, counter),
`toolchain` compiles and links for a core, `firmware` reads the ELF, `qemu_device` and `qemu_stream` run it on the core's board (hops,
frames). `c/` is what stands around the program: start-up, semihosting; `sections.ld` says where its parts lie on every core.
"""
