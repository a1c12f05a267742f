"""Networks whose file takes a spectrum and gives one: what it computes of the sound itself becomes stages of a path.

features  which features a file makes of its spectrum
cut       the network alone: features in, mask out, and the path around it
flat      caches that hold the states of several layers become one state a layer
door      all of it: what `quantize` asks
"""

from .door import Prepared, prepare

__all__ = ["Prepared", "prepare"]
