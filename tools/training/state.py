"""The half-done training on disk: weights, optimiser and step, the log, and its curves."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...models.errors import StapesError
from ...models.files import check_folder, is_listed, record, write_folder
from . import curves
from .team import ALONE, Team

STATE_NAME = "training.pt"
LOG_NAME = "log.jsonl"
CURVE_NAME = "curve.png"
MODEL_NAME = "model.pt"
BEST_NAME = "best.pt"
NAMES = (STATE_NAME, LOG_NAME, CURVE_NAME, curves.NAME, MODEL_NAME, BEST_NAME)
PART = "training"


class Folder:
    """The output folder of one training; what it holds belongs to one recipe and one corpus.

    Of several processes the first alone reads and writes it; to the others it is a folder into which nothing goes.
    """

    def __init__(self, path: Path, identity: dict[str, Any], team: Team = ALONE) -> None:
        self.path = path
        self.identity = identity
        self.team = team
        if not team.first:
            return
        # A folder of an earlier version has no list of what was written; there the state tells, once it has been read.
        self._known_by_state = (path / STATE_NAME).is_file() and not is_listed(path)
        check_folder(path, () if self._known_by_state else NAMES)

    def resume(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, dict[str, Any]]:
        """Load what an earlier call left, if anything -> the next step, and what the objective had kept.

        Raises StapesError when it was another training.
        """
        content = self.team.from_first(self._stored)
        if content is None:
            return 0, {}
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        return int(state["step"]), state.get("objective", {})

    def _stored(self) -> bytes | None:
        """The state that an earlier call left, once it is seen to be of this training; the log goes back to it."""
        file = self.path / STATE_NAME
        if not file.is_file():
            (self.path / LOG_NAME).unlink(missing_ok=True)
            return None
        content = file.read_bytes()
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            identity, step = dict(state["identity"]), state["step"]
        except Exception as error:  # torch raises whatever its reader stumbles on in a damaged file
            raise StapesError(f"{file}: damaged; delete it to start anew") from error
        if identity != self.identity:
            raise StapesError(f"{file}: left by {self._other(identity)}; choose another output folder, or delete it")
        if self._known_by_state:
            record(self.path, [name for name in NAMES if (self.path / name).is_file()], PART)
        kept = [line for line in self._lines() if line["step"] <= step]
        self.write(LOG_NAME, "".join(json.dumps(line) + "\n" for line in kept).encode())
        return content

    def _other(self, identity: dict[str, Any]) -> str:
        """What the training was that left `identity`, where it was another one."""
        workers, ours = identity.get("workers", 1), self.identity.get("workers", 1)
        if {**identity, "workers": ours} == {**self.identity, "workers": ours}:
            return f"a training with {workers} worker(s), not {ours}: another number gives other weights"
        return "another recipe or corpus"

    def save(
        self, step: int, model: nn.Module, optimiser: torch.optim.Optimizer, objective: dict[str, Any] | None = None
    ) -> None:
        """Keep the training after `step` steps."""
        if not self.team.first:
            return
        buffer = io.BytesIO()
        state = {
            "identity": self.identity,
            "step": step,
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "objective": objective or {},
        }
        torch.save(state, buffer)
        self.write(STATE_NAME, buffer.getvalue())

    def log(self, line: dict[str, float | int]) -> None:
        """Append one JSON line."""
        if not self.team.first:
            return
        file = self.path / LOG_NAME
        former = file.read_bytes() if file.is_file() else b""
        said = json.dumps({key: _rounded(value) for key, value in line.items()}) + "\n"
        self.write(LOG_NAME, former + said.encode())

    def plot(self) -> None:
        """Draw loss, SI-SDR and PESQ over the steps of the log."""
        from matplotlib.figure import Figure  # costs a second, and most commands need none

        lines = self._lines()
        figure = Figure(figsize=(7, 7), layout="constrained")
        axes = figure.subplots(3, 1, sharex=True)
        for axis, key, label in zip(axes, ("loss", "si_sdr_db", "pesq"), ("loss", "SI-SDR in dB", "PESQ"), strict=True):
            for name, prefix in (("training", ""), ("validation", "validation_")):
                points = [(line["step"], line[prefix + key]) for line in lines if prefix + key in line]
                if points:
                    axis.plot(*zip(*points, strict=True), label=name, marker="." if prefix else None)
                    axis.legend()
            axis.set_ylabel(label)
            axis.grid(alpha=0.3)
        axes[-1].set_xlabel("step")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        self.write(CURVE_NAME, buffer.getvalue())

    def write_events(self) -> None:
        """All numbers of the log for TensorBoard."""
        self.write(curves.NAME, curves.events(self._lines()))

    def _lines(self) -> list[dict[str, Any]]:
        file = self.path / LOG_NAME
        return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the folder; raises StapesError where somebody has changed it meanwhile."""
        if self.team.first:
            write_folder(self.path, {name: content}, part=PART, keep=True)


def _rounded(value: float) -> float:
    return round(value, 5) if isinstance(value, float) else value
