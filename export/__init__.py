"""From an integer graph to files.

tflite    the .tflite, both ways and without loss
c         C sources and headers, one line a layer
runtime   the C runtime, written by hand
memory    where buffers lie in the arena
vectors   golden input and output
stamp     what every generated file says of its origin
"""
