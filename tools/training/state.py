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

STATE_NAME = "training.pt"
LOG_NAME = "log.jsonl"
CURVE_NAME = "curve.png"
MODEL_NAME = "model.pt"
BEST_NAME = "best.pt"
NAMES = (STATE_NAME, LOG_NAME, CURVE_NAME, MODEL_NAME, BEST_NAME)
PART = "training"


class Folder:
    """The output folder of one training; what it holds belongs to one recipe and one corpus."""

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path = path
        self.identity = identity
        # A folder of an earlier version has no list of what was written; there the state tells, once it has been read.
        self._known_by_state = (path / STATE_NAME).is_file() and not is_listed(path)
        check_folder(path, () if self._known_by_state else NAMES)

    def resume(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, dict[str, Any]]:
        """Load what an earlier call left, if anything -> the next step, and what the objective had kept.

        Raises StapesError when it was another training.
        """
        file = self.path / STATE_NAME
        if not file.is_file():
            (self.path / LOG_NAME).unlink(missing_ok=True)
            return 0, {}
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            same = state["identity"] == self.identity
        except Exception as error:  # torch raises whatever its reader stumbles on in a damaged file
            raise StapesError(f"{file}: damaged; delete it to start anew") from error
        if not same:
            raise StapesError(f"{file}: left by another recipe or corpus; choose another output folder, or delete it")
        if self._known_by_state:
            record(self.path, [name for name in NAMES if (self.path / name).is_file()], PART)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        kept = [line for line in self._lines() if line["step"] <= state["step"]]
        self.write(LOG_NAME, "".join(json.dumps(line) + "\n" for line in kept).encode())
        return int(state["step"]), state.get("objective", {})

    def save(
        self, step: int, model: nn.Module, optimiser: torch.optim.Optimizer, objective: dict[str, Any] | None = None
    ) -> None:
        """Keep the training after `step` steps."""
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

    def _lines(self) -> list[dict[str, Any]]:
        file = self.path / LOG_NAME
        return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the folder; raises StapesError where somebody has changed it meanwhile."""
        write_folder(self.path, {name: content}, part=PART, keep=True)


def _rounded(value: float) -> float:
    return round(value, 5) if isinstance(value, float) else value
