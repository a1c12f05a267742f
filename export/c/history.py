"""Past frames as a state (`quantize/regions/history.py`) in one call, which moves the frames within the state."""

from __future__ import annotations

from ...quantize.graph import Graph, Region
from .constants import Constants
from .fields import Fields


def history_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_history_params`."""
    roles = region.roles
    frame = graph.tensors[roles["frame"]].size
    first, count, step = (int(roles[name]) for name in ("first", "count", "step"))
    frames = graph.tensors[roles["history"]].size // frame
    return {"frames": frames, "frame_size": frame, "first_tap": first, "taps": count, "tap_step": step}
