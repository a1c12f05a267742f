"""Bits: what the device computes, in Python, and the engines that must agree with it.

audio      the fixed-point audio path
kernels    the integer operators in numpy
network    the integer graph, frame by frame, batched over utterances
engines    numpy, native, cortex-m7, tflm; float and litert beside them
device     the cores and hosts that the exported C is run on, building for them, their boards
cortex_m7  the device in detail: emulating it, counting its instructions
probes     does a compiler or an emulator work here
fuzz       the exported C under libFuzzer
compare    the first place where two engines part
cmsis_dsp  where the C sources of CMSIS-DSP are
"""
