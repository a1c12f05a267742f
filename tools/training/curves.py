"""The log of a training as curves for TensorBoard: `tensorboard --logdir FOLDER` shows them over the steps.

The file is made anew from the log whenever the training is saved.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# TensorBoard takes any file with "tfevents" in its name.
NAME = "events.out.tfevents.stapes"
VERSION = "brain.Event:2"


def events(lines: Sequence[dict[str, Any]]) -> bytes:
    """Lines of the log -> the bytes of a file of events: validation_NAME as validation/NAME, all else as training/NAME.

    Where TensorBoard has the time of day stands the step, in seconds: the same log gives the same bytes.
    """
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.record_writer import RecordWriter

    with tempfile.TemporaryDirectory(prefix="curves-") as folder:
        path = Path(folder) / NAME
        writer = RecordWriter(str(path))
        writer.write(Event(wall_time=0.0, file_version=VERSION).SerializeToString())
        for line in lines:
            values = [
                Summary.Value(tag=_tag(name), simple_value=value) for name, value in line.items() if name != "step"
            ]
            step = int(line["step"])
            writer.write(Event(wall_time=float(step), step=step, summary=Summary(value=values)).SerializeToString())
        writer.close()
        return path.read_bytes()


def _tag(name: str) -> str:
    inner = name.removeprefix("validation_")
    return f"training/{name}" if inner == name else f"validation/{inner}"
