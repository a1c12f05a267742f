"""Published benchmarks: a folder as its authors hand it out, and the metrics of the papers on it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from ...models.errors import Remark, StapesError
from ..pairs import VOICEBANK, find_pairs


@dataclass(frozen=True)
class Benchmark:
    """`recordings` pairs in the subfolders `noisy, clean`; `metrics` as the papers give them; `source` is where it comes from."""

    subfolders: tuple[str, str]
    recordings: int
    metrics: str
    source: str


BENCHMARKS = {
    # Valentini-Botinhao et al., Investigating RNN-based speech enhancement methods for noise-robust text-to-speech, SSW 9, 2016.
    "voicebank-demand": Benchmark(
        VOICEBANK,
        824,
        "pesq,composite,si_sdr,stoi",
        "https://datashare.ed.ac.uk/handle/10283/2791",
    ),
}


def benchmark_of(name: str, folder: Path) -> Benchmark:
    """A benchmark whose recordings lie in a folder; a remark where there are not as many as the papers score.

    Raises StapesError for an unknown name and for a folder of another layout.
    """
    benchmark = BENCHMARKS.get(name)
    if benchmark is None:
        raise StapesError(f"--benchmark {name!r}: unknown; give {', '.join(BENCHMARKS)} and its folder")
    for side in benchmark.subfolders:
        if not (folder / side).is_dir():
            raise StapesError(
                f"{folder}: has no {side}/, so it is not {name}; unpack {' and '.join(benchmark.subfolders)} of {benchmark.source} there"
            )
    found = len(find_pairs(folder))
    if found != benchmark.recordings:
        warnings.warn(
            f"{folder}: {found} recording(s), papers on {name} score {benchmark.recordings}; the table is not theirs",
            Remark,
            stacklevel=2,
        )
    return benchmark
