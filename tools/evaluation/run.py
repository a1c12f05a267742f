"""All systems over all recordings, scored: what does the pipeline do for speech, and what did the integers cost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...firmware_sim.compare import snr_db
from ...firmware_sim.engines.audio import AudioEngine
from ...firmware_sim.engines.float_engine import FloatEngine
from ...models.errors import StapesError
from ..bundle import Bundle
from ..engines import EXACT, make_engine
from ..enhance import PEERS, SYSTEMS, enhance, enhance_by_peer, frames_to_do
from ..metrics import DECIMALS, METRICS
from ..pairs import Pair
from ..progress import progress
from ..scoring import score_all
from .recordings import Recording, by_noise, by_snr, read_recordings
from .statistics import Mean, Paired, means, paired

# The questions of a table of differences; a peer is held against the integers as well.
QUESTIONS = (("float", "noisy"), ("float", "wiener"), ("integer", "wiener"), ("integer", "float"))


@dataclass(frozen=True, eq=False)
class Contest:
    """Everything that is compared: the two engines of a bundle, and peers by name."""

    float_engine: FloatEngine
    integer_engine: AudioEngine
    peers: tuple[str, ...] = ()

    @property
    def systems(self) -> tuple[str, ...]:
        return (*SYSTEMS, *self.peers)

    def run(self, recordings: Sequence[Recording]) -> list[dict[str, np.ndarray]]:
        """For each recording: system -> output (S,) float32, in time with the input."""
        noisy = [recording.noisy_q15 for recording in recordings]
        with progress("enhancing, frames", frames_to_do(noisy, self.float_engine.sound_path)) as done:
            outputs = enhance(noisy, self.float_engine, self.integer_engine, done)
        for peer in self.peers:
            with progress(f"{peer}, recordings", len(noisy)) as done:
                enhance_by_peer(outputs, peer, done, self.float_engine.sound_path.sample_rate)
        return outputs


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of a corpus: `files` as in the JSON, one a recording.

    For each file: `outputs` system -> samples (S,) in time with the input, and `cleans`, the clean partner (S,).
    """

    files: list[dict[str, Any]]
    names: tuple[str, ...]
    metrics: tuple[str, ...]
    recordings: list[Recording]
    outputs: list[dict[str, np.ndarray]]

    @property
    def cleans(self) -> list[np.ndarray]:
        return [recording.clean for recording in self.recordings]

    @property
    def rate(self) -> int:
        """Samples a second of all recordings."""
        return self.recordings[0].rate

    @cached_property
    def means(self) -> dict[str, dict[str, Mean]]:
        """System -> metric -> mean over all recordings."""
        return self.means_of(range(len(self.files)))

    def means_of(self, places: Sequence[int]) -> dict[str, dict[str, Mean]]:
        """The same over some of the recordings."""
        return means([self.files[place]["systems"] for place in places], self.names, self.metrics)

    @property
    def systems(self) -> dict[str, dict[str, float | None]]:
        """System -> metric -> mean."""
        return {system: {name: mean.mean for name, mean in row.items()} for system, row in self.means.items()}

    @property
    def integer_minus_float(self) -> dict[str, float | None]:
        """Mean difference, metric by metric; None where one is not defined."""
        return {name: self.paired("integer", "float", name).mean for name in self.metrics}

    def paired(self, system: str, against: str, metric: str) -> Paired:
        """What `system` gained over `against`, recording by recording."""
        rows = [file["systems"] for file in self.files]
        return paired(rows, [file["name"] for file in self.files], system, against, metric)

    @property
    def questions(self) -> list[tuple[str, str]]:
        """Pairs of systems whose difference is told."""
        return [*QUESTIONS, *(("integer", peer) for peer in self.names if peer not in SYSTEMS)]

    @property
    def output_snr_db(self) -> float:
        """SNR of the integer output against the float output over all files together."""
        joined = [np.concatenate([outputs[system] for outputs in self.outputs]) for system in ("float", "integer")]
        return round(snr_db(*joined), DECIMALS)

    @property
    def groups(self) -> dict[str, dict[str, list[int]]]:
        """What the recordings are grouped by -> group -> their places."""
        return {"by_snr": by_snr(self.recordings), "by_noise": by_noise(self.recordings)}

    def to_json(self) -> dict[str, Any]:
        """Means, standard errors, paired differences, groups and files."""
        return {
            "systems": self.systems,
            "standard_errors": {
                system: {name: mean.standard_error for name, mean in row.items()} for system, row in self.means.items()
            },
            "integer_minus_float": self.integer_minus_float,
            "output_snr_db": self.output_snr_db,
            "paired": [self.paired(a, b, name).to_json() for a, b in self.questions for name in self.metrics],
            **{what: [self._group(name, places) for name, places in g.items()] for what, g in self.groups.items()},
            "files": self.files,
        }

    def _group(self, name: str, places: list[int]) -> dict[str, Any]:
        rows = self.means_of(places)
        return {
            "group": name,
            "files": len(places),
            "systems": {system: {m: mean.mean for m, mean in row.items()} for system, row in rows.items()},
            "standard_errors": {
                system: {m: mean.standard_error for m, mean in row.items()} for system, row in rows.items()
            },
        }


def make_contest(bundle: Bundle, engine: str, peers: Sequence[str] = ()) -> Contest:
    """The engines of a bundle and the peers; raises StapesError for an engine that is not exact or a peer that is not here."""
    if engine not in EXACT:
        raise StapesError(f"engine {engine!r} is not an integer engine; choose from {', '.join(EXACT)}")
    for peer in peers:
        if peer not in PEERS:
            raise StapesError(f"peer {peer!r} is unknown; choose from {', '.join(PEERS)}")
        PEERS[peer].require()
    float_engine = FloatEngine(bundle.float_onnx, bundle.require_sound_path())
    return Contest(float_engine, make_engine(engine, bundle), tuple(dict.fromkeys(peers)))


def evaluate_recordings(
    contest: Contest, recordings: Sequence[Recording], jobs: int, metrics: Sequence[str] = tuple(METRICS)
) -> Evaluation:
    """Run all systems over the recordings and score them with the metrics."""
    outputs = contest.run(recordings)
    tasks = [
        (recording.clean, made[system])
        for recording, made in zip(recordings, outputs, strict=True)
        for system in contest.systems
    ]
    with progress("scoring, recordings", len(tasks)) as done:
        scored = iter(score_all(tasks, jobs, done, metrics, contest.float_engine.sound_path.sample_rate))
    files: list[dict[str, Any]] = []
    for recording, made in zip(recordings, outputs, strict=True):
        by_system = {system: next(scored) for system in contest.systems}
        reasons = {
            system: {name: score.reason for name, score in row.items() if score.value is None}
            for system, row in by_system.items()
        }
        files.append(
            {
                "name": recording.name,
                "seconds": len(recording.noisy_q15) / recording.rate,
                "snr_db": recording.snr_db,
                "noise": recording.noise,
                "systems": {s: {name: score.value for name, score in row.items()} for s, row in by_system.items()},
                "output_snr_db": round(snr_db(made["float"], made["integer"]), DECIMALS),
                "unmeasured": {system: names for system, names in reasons.items() if names},
            }
        )
    return Evaluation(files, contest.systems, tuple(metrics), list(recordings), outputs)


def evaluate_pairs(bundle: Bundle, pairs: list[Pair], engine: str, jobs: int) -> Evaluation:
    """Run a bundle over pairs and score it; raises StapesError for audio or engines that cannot be used."""
    recordings = read_recordings(pairs, rate=bundle.require_sound_path().sample_rate)
    return evaluate_recordings(make_contest(bundle, engine), recordings, jobs)
