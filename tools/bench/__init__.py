"""Speed and equality of everything on one core: `python -m stapes.tools.bench`.

material    speech in noise of any length, from the shipped clips
timing      how long a call takes
network     the network alone in every runtime
checks      bit equality, long streams, SNR against float
rows        the matrix kernels alone: device, host, numpy
elements    the kernels between the matrices alone, on the device
scalars     the functions of one number alone, on the device
transforms  the real transforms alone, on the device
device      the emulated Cortex-M7: all sizes of the kernels, instructions beside the peers'
report      tables, and the goals with their limits
readme      the short table of the README
run         all of it in order
mutations   sound files with something changed in them
hostile     the command line over such files, each run in bounds
files       thousands of them: `python -m stapes.tools.bench.files`
training    one process that trains, and several: `python -m stapes.tools.bench.training`
__main__    one thread, then run
"""
