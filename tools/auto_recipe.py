"""`stapes quantize --recipe auto`: which activations are worth int16, found by trying them.

1. every set of tensors that shares a dtype goes to int8 by itself, the rest stays in int16: the error at the output is its price;
2. the sets are sorted by price for a number, and the dearest go to int16, as few as the loss of PESQ allows;
3. the recipe that comes out names each of them with its price.

The network runs alone, between the float transforms: the audio path around it is the same whatever the recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from export.tflite import to_bytes
from firmware_sim.engines.tflm import TflmNetwork, import_runtime
from firmware_sim.network import NetworkSimulator
from models.audio import read_audio
from models.errors import StapesError
from models.frontend import FrontEnd
from models.pipeline import FloatPipeline, apply_mask
from models.stft import istft
from quantize.build import build
from quantize.calibrate import Observations, run_float
from quantize.equalise import equalise, free_groups
from quantize.float_graph import FloatGraph
from quantize.float_onnx import to_onnx
from quantize.formats import Assigner, Format
from quantize.graph import Graph
from quantize.recipe import Activations, Override, Recipe
from tools.audio import CLIPS, DEMO
from tools.metrics import pesq_wb
from tools.pairs import find_pairs

SECONDS = 3.0
# The prices are found on every third recording, on its first frames.
PRICED_EVERY, PRICED_FRAMES = 3, 40
STRENGTHS = (0.0, 0.5)
MIX_SNR_DB, LEVELS_DBFS = (0.0, 5.0, 10.0, 15.0), (-22.0, -38.0)

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Listening:
    """Recordings by which a recipe is judged: features (B, T, size) float32, spectrum (B, T, K), clean (B, S) and float output."""

    frontend: FrontEnd
    clean: np.ndarray
    spectrum: np.ndarray
    gain: np.ndarray
    features: np.ndarray
    output: np.ndarray
    pesq: np.ndarray

    def enhanced(self, mask: np.ndarray, every: int = 1) -> np.ndarray:
        """The spectra (b, t, K) that masks of every n-th recording make of its first frames."""
        part = (slice(None, None, every), slice(mask.shape[1]))
        return apply_mask(self.frontend, self.spectrum[part], self.gain[part], mask)

    def pesq_drop(self, mask: np.ndarray) -> float:
        """Loss of PESQ against float: the mean over the recordings and one standard error of it, for those not heard here."""
        output = istft(self.enhanced(mask), self.frontend)[:, self.frontend.delay :]
        lost = self.pesq - _pesq(self.clean, output)
        return float(np.mean(lost) + np.std(lost) / np.sqrt(len(lost)))


@dataclass(frozen=True)
class Found:
    """A recipe and what it costs: PESQ lost on the recordings, share of activations (in numbers) in int16."""

    recipe: Recipe
    pesq_drop: float
    share: float


@dataclass(frozen=True)
class _Group:
    """Tensors that share a dtype: a name that stands for them, how many numbers they hold, and the price of int8 in dB of SNR."""

    name: str
    members: tuple[str, ...]
    size: int
    error: float = 0.0

    @property
    def snr_db(self) -> float:
        return -10.0 * float(np.log10(max(self.error, 1e-12)))


def search(
    lowered: FloatGraph, seen: Observations, frontend: FrontEnd, budget: float, progress: Progress = lambda steps: None
) -> Found:
    """The recipe with the fewest numbers in int16 whose loss of PESQ stays within `budget`.

    Raises StapesError where int16 for every activation loses more, or the front end does not fit.
    """
    listening = recordings(lowered, frontend)
    trial = _Trial(lowered, seen, listening, progress)
    wide = trial.drop(trial.names())
    if wide > budget:
        raise StapesError(
            f"--budget {budget}: int16 for every activation already loses {wide:.3f} PESQ; allow more, or retrain"
        )
    strength = max(STRENGTHS, key=trial.strength_snr)
    trial.equalise(strength)
    ranked = sorted(trial.priced(), key=lambda group: -group.error / group.size)
    count, drop = _fewest(len(ranked), budget, lambda n: trial.drop([group.name for group in ranked[:n]]))
    kept = ranked[:count]
    share = sum(group.size for group in kept) / sum(group.size for group in ranked)
    return Found(_recipe(kept, strength, budget, drop, share), drop, share)


def steps(lowered: FloatGraph) -> int:
    """How many steps `search` reports at most."""
    groups = len(_groups(lowered))
    return groups + 2 * len(STRENGTHS) + 2 + max(groups, 1).bit_length()


def recordings(lowered: FloatGraph, frontend: FrontEnd) -> Listening:
    """The demonstration recordings, and the shipped clips mixed at several ratios, all of them loud and soft."""
    pairs = [(read_audio(pair.clean), read_audio(pair.noisy)) for pair in find_pairs(DEMO)] + _mixtures()
    pairs = [_at_level(*pair, level) for level in LEVELS_DBFS for pair in pairs]
    samples = round(SECONDS * frontend.sample_rate)
    clean, noisy = (np.stack([np.resize(pair[side], samples) for pair in pairs]) for side in (0, 1))
    before = FloatPipeline(frontend).analyse(noisy)
    features = before["features"].astype(np.float32)
    mask = _float_masks(lowered, features)
    output = istft(apply_mask(frontend, before["spectrum"], before["gain"], mask), frontend)[:, frontend.delay :]
    clean = clean[:, : output.shape[1]]
    return Listening(frontend, clean, before["spectrum"], before["gain"], features, output, _pesq(clean, output))


def _mixtures() -> list[tuple[np.ndarray, np.ndarray]]:
    speech = [read_audio(path) for path in sorted(CLIPS.glob("speech_*.flac"))]
    noises = [read_audio(path) for path in sorted(CLIPS.glob("noise_*.flac"))]
    made = []
    for index, voice in enumerate(speech):
        noise = np.resize(noises[index % len(noises)], len(voice))
        snr = MIX_SNR_DB[index % len(MIX_SNR_DB)]
        noise = noise * np.sqrt(np.mean(voice**2) / np.mean(noise**2) * 10.0 ** (-snr / 10.0))
        made.append((voice, voice + noise))
    return made


def _at_level(clean: np.ndarray, noisy: np.ndarray, level_dbfs: float) -> tuple[np.ndarray, np.ndarray]:
    """Both times one factor, by which the clean one has this RMS."""
    factor = 10.0 ** (level_dbfs / 20.0) / np.sqrt(np.mean(clean**2))
    return clean * factor, noisy * factor


def _pesq(clean: np.ndarray, output: np.ndarray) -> np.ndarray:
    return np.array([pesq_wb(c, y) for c, y in zip(clean[:, : output.shape[1]], output, strict=True)])


def _float_masks(lowered: FloatGraph, features: np.ndarray) -> np.ndarray:
    (given,), (made,) = lowered.inputs, lowered.outputs
    sequences = [{given: frames} for frames in features]
    return np.stack([run[made] for run in run_float(to_onnx(lowered), lowered.states, sequences, [made])])


def integer_masks(graph: Graph, features: np.ndarray) -> np.ndarray:
    """Features (B, T, size) float -> masks (B, T, size) float, through the integers; states start at zero."""
    given, made = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    assert given.scale is not None
    assert made.scale is not None
    rounded = np.round(features / np.float64(given.scale[0])) + given.zero_point
    codes = np.clip(rounded, *given.limits).astype(np.int64).reshape(*features.shape[:2], *given.shape)
    masks = _through_tflm(graph, codes) if _has_tflm() else _through_numpy(graph, codes)
    return (masks - made.zero_point) * float(made.scale[0])


def _has_tflm() -> bool:
    try:
        import_runtime()
    except StapesError:
        return False
    return True


def _through_tflm(graph: Graph, codes: np.ndarray) -> np.ndarray:
    """One interpreter, recordings in a row: the bits of the numpy engine several times as fast."""
    network = TflmNetwork(import_runtime(), to_bytes(graph), graph)
    masks = []
    for frames in codes:
        network.reset()
        masks.append([np.ravel(network.step({graph.inputs[0]: frame})[graph.outputs[0]]) for frame in frames])
    return np.array(masks, np.float64)


def _through_numpy(graph: Graph, codes: np.ndarray) -> np.ndarray:
    simulator = NetworkSimulator(graph, len(codes))
    frames = [simulator.step({graph.inputs[0]: frame})[graph.outputs[0]] for frame in codes.swapaxes(0, 1)]
    return np.stack([frame.reshape(len(codes), -1) for frame in frames], axis=1).astype(np.float64)


def _groups(lowered: FloatGraph) -> list[_Group]:
    """The sets whose dtype a recipe may choose."""
    empty = Observations({}, {}, 0)
    assigner = Assigner(lowered, Recipe("groups"), empty)
    groups = []
    for members in assigner.dtype_groups():
        name = min(members, key=lambda member: (member.count("/"), len(member), member))
        size = sum(int(np.prod(lowered.tensors[member].shape)) for member in members)
        groups.append(_Group(name, tuple(members), size))
    return groups


class _Trial:
    """Builds and runs graphs that differ in which sets are int16."""

    def __init__(self, lowered: FloatGraph, seen: Observations, listening: Listening, progress: Progress) -> None:
        self._original = lowered, seen
        self._listening, self._progress = listening, progress
        self.groups = _groups(lowered)
        self.equalise(0.0)

    def equalise(self, strength: float) -> None:
        self._lowered, self._seen = equalise(*self._original, strength)
        self._known: dict[tuple, Format] = {}

    def _masks(self, wide: Sequence[str], every: int = 1, frames: int | None = None) -> np.ndarray:
        recipe = _with_wide(wide)
        graph = build(self._lowered, recipe, Assigner(self._lowered, recipe, self._seen, self._known))
        masks = integer_masks(graph, self._listening.features[::every, :frames])
        self._progress(1)
        return masks

    def drop(self, wide: Sequence[str]) -> float:
        """PESQ lost with these sets in int16 and the rest in int8."""
        return self._listening.pesq_drop(self._masks(wide))

    def strength_snr(self, strength: float) -> float:
        """SNR in dB, after equalisation, with int8 for what equalisation can reach and int16 for the rest."""
        self.equalise(strength)
        reached = {name for members in free_groups(self._lowered) for name in members}
        others = [group.name for group in self.groups if not reached & set(group.members)]
        return -_error(self._short(self.names()), self._short(others))

    def names(self) -> list[str]:
        return [group.name for group in self.groups]

    def priced(self) -> list[_Group]:
        names = self.names()
        wide = self._short(names)
        return [
            replace(group, error=_error(wide, self._short([name for name in names if name != group.name])))
            for group in self.groups
        ]

    def _short(self, wide: Sequence[str]) -> np.ndarray:
        return self._listening.enhanced(self._masks(wide, PRICED_EVERY, PRICED_FRAMES), PRICED_EVERY)


def _error(reference: np.ndarray, other: np.ndarray) -> float:
    return float(np.sum(np.abs(reference - other) ** 2) / np.sum(np.abs(reference) ** 2))


def _with_wide(names: Sequence[str], **choices) -> Recipe:
    overrides = (Override(tuple(_literal(name) for name in names), "int16"),) if names else ()
    return Recipe("trial", activations=Activations("int8", "mse"), overrides=overrides, **choices)


def _literal(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _fewest(most: int, budget: float, drop: Callable[[int], float]) -> tuple[int, float]:
    """The smallest number of sets whose loss stays within the budget, by bisection, and that loss."""
    low, high, found = 0, most, None
    while low < high:
        middle = (low + high) // 2
        lost = drop(middle)
        if lost <= budget:
            high, found = middle, lost
        else:
            low = middle + 1
    return high, drop(high) if found is None else found


def _recipe(kept: Sequence[_Group], strength: float, budget: float, drop: float, share: float) -> Recipe:
    overrides = tuple(
        Override(
            (_literal(group.name),), "int16", reason=f"alone in int8 it leaves {group.snr_db:.1f} dB at the output"
        )
        for group in kept
    )
    description = (
        f"found for a loss of at most {budget:g} PESQ: {drop:.3f} lost, {100 * share:.0f} % of the activations in int16"
    )
    return Recipe(
        "auto", description, equalisation=strength, activations=Activations("int8", "mse"), overrides=overrides
    )
