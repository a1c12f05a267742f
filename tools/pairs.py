"""Noisy recordings and their clean partners in a folder."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import Remark, StapesError
from ..models.sound_files import SUFFIXES, read_audio

# Subfolders with the same names in both (VoiceBank+DEMAND, own corpora), or with `fileid_N` in both (DNS challenge).
VOICEBANK = ("noisy_testset_wav", "clean_testset_wav")
SUBFOLDERS = (("noisy", "clean"), VOICEBANK)
FILE_ID = re.compile(r"fileid_\d+$")
LAYOUTS = "NAME_noisy.wav beside NAME_clean.wav, or the same names in the subfolders noisy and clean"


@dataclass(frozen=True)
class Pair:
    """A recording and its clean partner; `name` is unique in its corpus."""

    name: str
    noisy: Path
    clean: Path

    def absolute(self) -> Pair:
        """The same for a process that runs elsewhere."""
        return Pair(self.name, self.noisy.absolute(), self.clean.absolute())


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs of a corpus, sorted by name; a folder may hold noisy/ and clean/, or NAME_noisy.* and NAME_clean.*.

    Raises StapesError when the folder is missing, holds no pair, or a file has no partner.
    """
    if not folder.is_dir():
        raise StapesError(f"{folder}: no such folder; give one with {LAYOUTS}")
    for names in SUBFOLDERS:
        inside = [folder / name for name in names]
        if all(path.is_dir() for path in inside):
            return _match(folder, *(_by_key(path, _path_key) for path in inside))
    noisy = _by_key(folder, lambda path, root: _suffix_key(path, root, "_noisy"))
    clean = _by_key(folder, lambda path, root: _suffix_key(path, root, "_clean"))
    return _match(folder, noisy, clean)


def _by_key(root: Path, key: Callable[[Path, Path], str | None]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        name = key(path, root)
        if name in found:
            raise StapesError(f"{path}: the same recording as {found[name].name}; keep one of them")
        if name is not None:
            found[name] = path
    return found


def _path_key(path: Path, root: Path) -> str:
    relative = path.relative_to(root).with_suffix("")
    file_id = FILE_ID.search(relative.name)
    return (relative.with_name(file_id.group()) if file_id else relative).as_posix()


def _suffix_key(path: Path, root: Path, suffix: str) -> str | None:
    relative = path.relative_to(root).with_suffix("").as_posix()
    return relative.removesuffix(suffix) if relative.endswith(suffix) else None


def _match(folder: Path, noisy: dict[str, Path], clean: dict[str, Path]) -> list[Pair]:
    if not noisy and not clean:
        raise StapesError(f"{folder}: no noisy and clean pairs; name them {LAYOUTS}")
    for here, there, kind in ((noisy, clean, "clean"), (clean, noisy, "noisy")):
        alone = sorted(here.keys() - there.keys())
        if alone:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            raise StapesError(f"{here[alone[0]]}{more}: no {kind} partner; name the pairs {LAYOUTS}")
    return [Pair(name, noisy[name], clean[name]) for name in sorted(noisy)]


def read_pair(pair: Pair, rate: int = SAMPLE_RATE) -> tuple[np.ndarray, np.ndarray]:
    """Noisy and clean samples, (S,) float32 each at `rate` Hz; raises StapesError when their lengths differ or one cannot be read."""
    noisy, clean = read_audio(pair.noisy, rate=rate), read_audio(pair.clean, rate=rate)
    if len(noisy) != len(clean):
        raise StapesError(
            f"{pair.noisy}: {len(noisy)} samples at {rate} Hz, its partner {pair.clean} has {len(clean)}; "
            "cut both to the same stretch"
        )
    return noisy, clean


def tell_once(remarks: Sequence[str]) -> None:
    """Remarks of `read_audio`, which begin with the file's name: what is said of many files is said once, as a warning."""
    by_words: dict[str, list[str]] = {}
    for remark in remarks:
        by_words.setdefault(remark.rpartition(": ")[2], []).append(remark)
    for words, alike in by_words.items():
        more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
        warnings.warn(f"{alike[0].removesuffix(f': {words}')}{more}: {words}", Remark, stacklevel=3)
