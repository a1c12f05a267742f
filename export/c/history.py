"""Past frames as a state (`quantize/regions/history.py`) in one call, which moves the frames within the state.

Where all frames are looked at, the state's memory may hold the newest one too, behind the others: the frames are looked at where
they lie, and the state of the next call is all but the oldest.
"""

from __future__ import annotations

from ...quantize.graph import Graph, Region
from ..template import Code
from .constants import Constants
from .fields import Fields
from .text import SUFFIXES
from .writer import Writer


def history_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_history_params`."""
    roles = region.roles
    frame = graph.tensors[roles["frame"]].size
    first, count, step = (int(roles[name]) for name in ("first", "count", "step"))
    frames = graph.tensors[roles["history"]].size // frame
    return {"frames": frames, "frame_size": frame, "first_tap": first, "taps": count, "tap_step": step}


def whole_frames(graph: Graph, region: Region) -> bool:
    """Whether a history's taps are all of its frames and the new one."""
    first, count, step = (int(region.roles[name]) for name in ("first", "count", "step"))
    taps, history, frame = (graph.tensors[region.roles[role]].size for role in ("taps", "history", "frame"))
    return first == 0 and step == 1 and taps == history + frame == count * frame


def history_calls(w: Writer, region: Region, scratch: str) -> list[Code]:
    """The new frame behind the others: in the state's memory, or in that of the frames that are looked at."""
    roles = region.roles
    stem = "history_frames" if roles["history"] in w.joined else "history"
    given = ("frame", "taps") if roles["history"] in w.joined else ("history", "frame", "taps", "history_out")
    reference = w.struct("history_params", region.name, history_fields(w.graph, region, w.arrays))
    suffix = SUFFIXES[w.graph.tensors[roles["taps"]].dtype]
    return [w.call(f"stapes_{stem}_{suffix}", reference, *(w.at(roles[role]) for role in given))]
