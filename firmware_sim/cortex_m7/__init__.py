"""What an exported program costs on a Cortex-M7: `unicorn_device` (the emulator), `unicorn_run` (hops and frames through it),
`counting` and `stages` (executed instructions), `footprint` (flash, RAM, stack), `calls` (what is counted, sound or frames),
`measure` (the report), `self_test` (the program's own). How a program is compiled and linked stands in `device`.
"""
