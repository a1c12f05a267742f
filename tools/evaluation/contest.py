"""All systems that are compared: nothing, the Wiener filter, the float and the integer pipeline of a bundle, and peers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...firmware_sim.engines.audio import AudioEngine
from ...firmware_sim.engines.float_engine import FloatEngine
from ...models.errors import StapesError
from ..bundle import Bundle
from ..engines import EXACT, make_engine
from ..enhance import PEERS, SYSTEMS, enhance, enhance_by_peer
from ..metrics import FITTED
from .fitted import FittedContest
from .recordings import Recording


@dataclass(frozen=True, eq=False)
class Contest:
    """Everything that is compared: the two engines of a bundle, and peers by name.

    Of a bundle with a fitting the engines leave its equaliser out; `fitted` has it, where a metric asks for that.
    """

    float_engine: FloatEngine
    integer_engine: AudioEngine
    peers: tuple[str, ...] = ()
    fitted: FittedContest | None = None

    @property
    def systems(self) -> tuple[str, ...]:
        return (*SYSTEMS, *self.peers)

    @property
    def rate(self) -> int:
        """Samples a second of what it runs."""
        return self.float_engine.sound_path.sample_rate

    def run(self, recordings: Sequence[Recording]) -> list[dict[str, np.ndarray]]:
        """For each recording: system -> output (S,) float32, in time with the input."""
        noisy = [recording.noisy_q15 for recording in recordings]
        outputs = enhance(noisy, self.float_engine, self.integer_engine)
        for peer in self.peers:
            enhance_by_peer(outputs, peer, rate=self.rate)
        return outputs


def check_contest(engine: str, peers: Sequence[str] = ()) -> None:
    """Raise StapesError for an engine that is not exact, and for an engine or a peer that is not here."""
    if engine not in EXACT:
        raise StapesError(f"engine {engine!r} is not an integer engine; choose from {', '.join(EXACT)}")
    for peer in peers:
        if peer not in PEERS:
            raise StapesError(f"peer {peer!r} is unknown; choose from {', '.join(PEERS)}")
        PEERS[peer].require()


def make_contest(bundle: Bundle, engine: str, peers: Sequence[str] = (), metrics: Sequence[str] = ()) -> Contest:
    """The engines of a bundle and the peers, for some metrics; raises StapesError as `check_contest`."""
    check_contest(engine, peers)
    fitting, once = bundle.fitting, tuple(dict.fromkeys(peers))
    fitted = None
    if fitting is not None and not set(metrics).isdisjoint(FITTED):
        fitted = FittedContest(bundle, fitting, engine, once)
    plain = bundle if fitting is None else bundle.unfitted()
    float_engine = FloatEngine(plain.float_onnx, plain.require_sound_path())
    return Contest(float_engine, make_engine(engine, plain), once, fitted)
