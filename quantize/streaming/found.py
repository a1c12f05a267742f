"""What is found out about the frames of a network, and what has to become of its nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Frames:
    """Where the frames of a value lie: along `axis`, from `before` frames before the recording on; `zeros` where those are zeros.

    Below 0, `before` is how many frames later than the recording's the value is known, as it looks ahead.
    """

    axis: int
    before: int = 0
    zeros: bool = False


@dataclass
class Plan:
    """What has to become of the nodes: windows over past frames, recurrences, and nodes that no longer touch time.

    `windows`: index of a convolution -> past frames that it needs; `recurrent`: indices of recurrences over time, with the graph
    inputs that their states begin with, if any; `sums`: indices of sums of all frames so far; `cut`: indices of Pad, Slice and Concat
    nodes that add or drop frames; `finals`: values that only the end of a recording has. `gates`: index of a node that remembers ->
    frames after which what it reads has begun; `delays`: node and operand that has to wait -> for so many frames; `counted`: value
    that grows evenly from frame to frame, whatever the recording -> its first value, its step, and the frame that it begins with.
    `delay`: frames that the outputs are late; `late`: outputs that would be earlier than that -> by how many frames.
    """

    frames: dict[str, Frames] = field(default_factory=dict)
    windows: dict[int, int] = field(default_factory=dict)
    recurrent: dict[int, tuple[str | None, ...]] = field(default_factory=dict)
    sums: set[int] = field(default_factory=set)
    cut: set[int] = field(default_factory=set)
    finals: set[str] = field(default_factory=set)
    gates: dict[int, int] = field(default_factory=dict)
    delays: dict[tuple[int, str], int] = field(default_factory=dict)
    counted: dict[str, tuple[np.ndarray, np.ndarray, int]] = field(default_factory=dict)
    delay: int = 0
    late: dict[str, int] = field(default_factory=dict)
