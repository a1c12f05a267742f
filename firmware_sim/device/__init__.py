"""Where exported programs are run: `targets` describes each core and each host once, `sections.ld` is the memory map of the cores."""
