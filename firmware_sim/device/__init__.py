"""Where exported programs are run: `targets` describes each core and each host once (flags, board, memory map, counter);
`sections.ld` says where the parts of a program lie on every core.
"""
