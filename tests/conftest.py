"""Shared by all tests: the command line as a function, and bundles that are made once for all workers.

Imports stand inside the fixtures: a test of one function should not wait for torch.
"""

from __future__ import annotations

import fcntl
import functools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# One thread a process, as in the Makefile: two workers with a thread pool each would only get in each other's way.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# The commands that tests start, and both workers, read what is compiled of this package instead of compiling it again each.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No test is timed: on a busy machine hypothesis' usual 200 ms an example would fail what is right.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both streams."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The message of a command that must have refused its input, told as the project tells it."""
        assert self.code == 2, self
        assert self.stdout == "", self
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("stapes: error: "), self
        return lines[0].removeprefix("stapes: error: ")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked with `needs` is skipped where one of its tools does not work."""
    from tests.machine import require

    for mark in item.iter_markers("needs"):
        require(*mark.args)


@pytest.fixture
def stapes(monkeypatch, capsys):
    """The real command line in this process: arguments -> `Done`. What it prints as JSON is held to its schema."""
    from stapes.tools.cli.app import run as main

    from tests.answers import answer

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["stapes", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        streams = capsys.readouterr()
        if "--json" in arguments and streams.out:
            answer(streams.out, str(arguments[0]))
        return Done(int(left.value.code or 0), streams.out, streams.err)

    return run


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """A folder that all workers of this session have in common."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def engine_objects(shared_folder) -> Path:
    """Where the engines keep the objects that programs have in common; a test may name it to a process of its own."""
    folder: Path = shared_folder / "engine_objects"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _shared_objects(shared_folder, engine_objects) -> Iterator[None]:
    """What is compiled of the runtime is compiled once for all workers, by tests and by the engines."""
    from stapes.firmware_sim.engines import program

    from tests import compiling

    compiling.share(Path(os.environ.get("STAPES_TEST_OBJECTS", shared_folder / "objects")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "_object_folder", lambda: engine_objects)
        yield


@pytest.fixture(scope="session")
def once(shared_folder) -> Callable[[str, Callable[[Path], object]], Path]:
    """(name, make) -> a path that `make(path)` filled once for all workers of this session."""

    def get(name: str, make: Callable[[Path], object]) -> Path:
        path = shared_folder / name
        with open(shared_folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                make(path)
        return path

    return get


@pytest.fixture(scope="session")
def few_clips(once) -> list[Path]:
    """Two seconds of two calibration clips: enough for ranges, quick to calibrate on."""
    from stapes.models.sound_files import read_audio, write_audio
    from stapes.tools.audio import CALIBRATION

    def make(clip: str) -> Path:
        return once(
            f"{clip}.wav", lambda path: write_audio(path, read_audio(CALIBRATION / f"{clip}.flac")[16_000:48_000])
        )

    return [make("reader_2_fire"), make("driver_1_drums")]


@pytest.fixture(scope="session")
def published(once) -> Path:
    """A checkpoint in the published format, of random weights; its network begins with a LayerNorm."""
    from tests.helpers import published_checkpoint

    return once("published.pt", published_checkpoint)


@pytest.fixture(scope="session")
def complex_mask(once) -> Path:
    """A streaming ONNX file of random weights that turns complex spectra, with the front end of GTCRN."""
    from tests.complex_network import complex_network

    return once("complex_mask.onnx", complex_network)


@pytest.fixture(scope="session")
def bundle_of(once, few_clips, published, complex_mask):
    """(network, recipe) -> bundle, only to be read; networks are `zoo`, `sparse`, `published` and `complex`.

    The zoo's network is calibrated as `stapes quantize` does it by itself, except for the form for CMSIS-NN.
    """
    from stapes.quantize.recipe import load_recipe
    from stapes.tools.bundle import load_bundle
    from stapes.tools.library.quantize import quantize
    from stapes.tools.zoo import GRU_MASK_SPARSE, network_for

    @functools.cache
    def get(network: str, recipe: str):
        clips = () if network == "zoo" and not recipe.endswith("cmsis_nn") else few_clips
        chosen = load_recipe(recipe)
        zoo = {"zoo": network_for(chosen), "sparse": GRU_MASK_SPARSE}
        checkpoint = {**zoo, "published": published, "complex": complex_mask}[network]
        folder = once(f"{network}_{recipe}", lambda path: quantize(checkpoint, path, recipe=chosen, calibration=clips))
        return load_bundle(folder)

    return get
