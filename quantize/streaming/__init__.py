"""A network of whole recordings becomes one of one frame a call: what it keeps of the past becomes states.

An example. An export of torch reads `feat` (1, 1, S, 32), S frames at once. It puts two frames of zeros in front, convolves three
frames at a time, and starts its GRU from zeros. The same network for a device reads `feat` (1, 1, 1, 32) and has two states: the two
frames before this one, `feat_history` (2, 32, 1), and the units of the GRU, `gru_h` (1, 1, 256).

In the order in which data meets them:

lengths   which axis of which value is time: the one that grows with the recording
found     what is known of the frames: `Frames`, `Plan`
frames    which frame stands where, node by node; what cannot be a stream is refused by its node
rewrite   the graph with its states, one frame long
proof     the stream against the whole recording, in onnxruntime
make      all of it: `make_streaming`
"""

from .lengths import has_open_time
from .make import STEPS, Streamed, make_streaming
from .rewrite import StreamState

__all__ = ["STEPS", "StreamState", "Streamed", "has_open_time", "make_streaming"]
