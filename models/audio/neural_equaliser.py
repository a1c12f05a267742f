"""Stage `neural_equaliser`: a steered equaliser whose network, inside of the stage, makes its parameters of a latent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .controls import Control
from .equaliser import behind_inverse
from .glide import require_glide
from .sound_path import SoundPath
from .stage import AGAIN, FloatStage, Quantity, Stage, Values
from .steered_equaliser import SteeredEqualiser
from .steering import LATENT, SteeringNetwork
from .transform import Transform
from .wide_inverse import SOUND

# Of a latent, as an encoder gives it: far beyond, and the codes of the network saturate before.
MOST = 64.0
LATENTS, BANDS = 512, 5
FEWEST_MACS, MOST_MACS = 512, 1 << 20


@dataclass(frozen=True)
class NeuralEqualiser(Stage):
    """Control: `latent`. The network takes it when it has done with the one before, and computes `macs_a_hop` multiplications a hop.

    In the hop behind its last ones the equaliser begins to glide to what it gave, for `glide_ms`. A latent of zeros alone, as at the start, is no
    latent: the gains go back to zero. A latent of the codes of the one before changes nothing. Without a network, as by default, all is flat.
    """

    kind: ClassVar[str] = "neural_equaliser"
    replaces: ClassVar[tuple[str, ...]] = ("sound_q25",)

    network: SteeringNetwork | None = None
    glide_ms: float = 100.0
    macs_a_hop: int = 2048

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        require_glide(self.glide_ms)
        if not FEWEST_MACS <= self.macs_a_hop <= MOST_MACS:
            raise StapesError(f"macs_a_hop {self.macs_a_hop}: give {FEWEST_MACS} to {MOST_MACS}")

    def check_path(self, stages: Sequence[Stage]) -> None:
        if any(isinstance(stage, SteeredEqualiser) for stage in stages):
            raise StapesError(f"path: stages {self.kind!r} and {SteeredEqualiser.kind!r} are both there; {AGAIN}")

    @property
    def glider(self) -> SteeredEqualiser:
        """The equaliser that the network steers."""
        return SteeredEqualiser(bands=self.network.bands if self.network else BANDS, glide_ms=self.glide_ms)

    @property
    def reads(self) -> tuple[str, ...]:
        return (SOUND.name,)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        told = Quantity("told", "int32", (3, 10), "frequency * 2^8, gain in dB * 2^16, Q * 2^16", "2^31 - 1", "state")
        return (told, *self.glider.quantities)

    @property
    def controls(self) -> tuple[Control, ...]:
        return (Control("latent_q20", 0.0, (-MOST, MOST), "latent * 2^20", (self.sizes["LATENTS"],), apart=True),)

    @property
    def sizes(self) -> dict[str, int]:
        net = self.network
        return {
            "BANDS": net.bands if net else BANDS,
            "LATENTS": net.latents if net else LATENTS,
            # Two values of int16 a word; one word where there is no network.
            "WORDS": (net.latents if net else LATENTS) // 2,
            "MEMORY": net.memory // 2 if net else 1,
        }

    def to_table(self) -> dict[str, Any]:
        table = super().to_table()
        if self.network is not None:
            table["network"] = dataclasses.asdict(self.network)
        return table

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _NeuralEqualiser(self, transform, batch)


class _NeuralEqualiser(FloatStage):
    """The network gives at once what it is asked for: in float nothing is cut into hops."""

    takes = (SOUND.plain,)

    def __init__(self, settings: NeuralEqualiser, transform: Transform, batch: int) -> None:
        self.network, self.hop = settings.network, transform.hop
        self.controls = settings.at_rest()
        self.glider = settings.glider.start(transform, batch)
        self.rest = settings.glider.at_rest()
        self.known: tuple[np.ndarray | None, dict[str, np.ndarray]] = (None, self.rest)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound (B, hop) -> sound (B, hop)."""
        self.glider.controls = self._told(np.asarray(self.controls[LATENT]))
        return self.glider.step(values)

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """The same for all samples, (B, T * hop); the latent (L,) or a row a frame (T, L)."""
        frames = values["sound"].shape[1] // self.hop
        rows = np.broadcast_to(self.controls[LATENT], (frames, np.shape(self.controls[LATENT])[-1]))
        made = []
        for t in range(frames):
            self.controls = {LATENT: rows[t]}
            made.append(self.step({"sound": values["sound"][:, t * self.hop : (t + 1) * self.hop]})["sound"])
        return {"sound": np.concatenate(made, axis=1)}

    def _told(self, latent: np.ndarray) -> dict[str, np.ndarray]:
        last, told = self.known
        if last is None or (latent != last).any():
            told = self._computed(latent)
            self.known = (latent.copy(), told)
        return told

    def _computed(self, latent: np.ndarray) -> dict[str, np.ndarray]:
        if self.network is None or not latent.any():
            return self.rest
        heads = self.network.real(latent)
        given = {
            "frequency": 20.0 + 19980.0 * (0.5 + 0.5 * np.tanh(0.5 * heads["frequency"])),
            "gain_db": 12.0 * heads["gain"] * heads.get("weight", 1.0),
            "quality": 0.5 + 4.5 * heads["quality"],
        }
        made = {name: value.copy() for name, value in self.rest.items()}
        for name, value in given.items():
            made[name][: self.network.bands] = value
        return made


def with_neural_equaliser(sound_path: SoundPath, network: SteeringNetwork) -> SoundPath:
    """A path with the stage behind its inverse transform; raises StapesError where it has one already."""
    return SoundPath(tuple(behind_inverse(sound_path.stages, NeuralEqualiser(network=network))))
