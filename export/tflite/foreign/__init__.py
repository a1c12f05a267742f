"""A .tflite of any maker, already quantised, as an integer graph: what TFLite Micro computes for it, in the operators of the table.

In the order in which data meets them:

file         the bytes as plain records
translation  the whole way: ends, operators in order, what cannot be taken
building     the graph that grows
variables    resource variables become states
forms        an operator as one or some of the table
states       pairs of inputs and outputs become states
lstm         UNIDIRECTIONAL_SEQUENCE_LSTM as such
"""

from .states import Taken, with_pairs
from .translation import translate

__all__ = ["Taken", "translate", "with_pairs"]
