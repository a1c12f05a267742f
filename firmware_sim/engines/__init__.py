"""How a network is computed, and how a path of sound is run around it: `network` (what an engine of a network is), `audio` (what
runs sound), `pipeline` (an audio path in numpy around any engine of a network); the engines `numpy_engine`, `tflm`, `litert` and
`float_engine`; `program` (an exported program, compiled), `compiled` (its network, or path and network in one, on any machine) and
the machines `native` and `cortex_m7`.
"""
