"""What commands assume unless they are told; no more than values, as the help of the options names them too."""

# Unless it is asked for, the emulated device runs over the beginning of the first file only.
DEVICE_ENGINE = "cortex-m7"
DEVICE_SECONDS = 1.0
# An assumption: two instructions can start in a cycle, but loads, branches and slow memory hold them up.
INSTRUCTIONS_PER_CYCLE = 1.0
