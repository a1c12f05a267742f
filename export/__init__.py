"""From an integer graph to files.

tflite    the .tflite, both ways and without loss
c         C sources and headers, one line a layer
runtime   the C runtime, written by hand, in rooms by family
targets   for which processors C is exported: kernels of their own
packages  that C for CMake, Arduino, Zephyr and CMSIS-Pack, with an example and the self-test
memory    where buffers lie in the arena
vectors   golden input and output
stamp     what every generated file says of its origin
template  templates, and how text of other people's files is made harmless in each language
"""
