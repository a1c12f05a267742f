"""A user's own recordings, and the corpus made of them; packages as a registry would give them."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from stapes.tools.audio import CLIPS
from stapes.tools.corpus import build, fetch
from stapes.tools.corpus.sources import Noise, Package, Speech

from tests.tools.corpus.clips import VOICES


@pytest.fixture(scope="package")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: six voices, five of them for training, and four noises."""
    root = tmp_path_factory.mktemp("own")
    for voice in VOICES:
        split = "test" if voice == "ru_3" else "train"
        (root / "speech" / split / voice).mkdir(parents=True)
        shutil.copy(CLIPS / f"speech_{voice}.flac", root / "speech" / split / voice / "a.flac")
    for noise, split in (("water", "train"), ("fire", "train"), ("steps", "test"), ("hum", "test")):
        (root / "noise" / split / noise).mkdir(parents=True)
        shutil.copy(CLIPS / f"noise_{noise}.flac", root / "noise" / split / noise / "b.flac")
    return root


@pytest.fixture(scope="package")
def corpus(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    fetch(folder, own=own, only_own=True, quiet=True)
    return folder


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus folder in which the archive of a made-up package lies already."""
    package = Package(
        "voices",
        "npm",
        "CC-BY-3.0",
        (
            Speech("*/it/*.flac", "carlo", "it", "test", ("*/it/skip.flac",)),
            Speech("*/xx/*.flac", "many", "xx", "train", collection=True),
            Noise("*/noise/*.flac", "steps", "train", (0.1, 0.2), "CC0-1.0", "somebody"),
        ),
        version="1.0.0",
    )
    monkeypatch.setattr(build, "packages", lambda lean, without: [package])
    source = tmp_path / "package"
    for folder, names in (("it", ["speech_it_1", "speech_it_2"]), ("xx", ["speech_ru_1"]), ("noise", ["noise_steps"])):
        (source / folder).mkdir(parents=True)
        for name in names:
            shutil.copy(CLIPS / f"{name}.flac", source / folder / f"{name}.flac")
    shutil.copy(CLIPS / "speech_it_1.flac", source / "it" / "skip.flac")
    shutil.copy(CLIPS / "speech_it_1.flac", source / "it" / "twin.flac")
    (tmp_path / "corpus" / "packages").mkdir(parents=True)
    with tarfile.open(tmp_path / "corpus" / "packages" / "voices-1.0.0.tgz", "w:gz") as archive:
        archive.add(source, "package")
    return tmp_path / "corpus"
