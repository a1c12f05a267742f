"""What lies in a corpus folder: one record an item, with hash, licence and split."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import soundfile
from annotated_types import Gt

from ...models.errors import StapesError
from ...models.files import sha256_of_file, write_whole
from ...models.schema import STRICT, parse_json, validated
from .decode import RATE, Audio
from .rules import OWN
from .sources import SHARED, SPLITS, Split

FILE_NAME = "manifest.json"
# How a newcomer gets a whole corpus out of recordings of his own.
SPLIT_RULE = (
    "a speaker is in one split only: give three speakers or more with 2 s of clear speech each, "
    "or sort the folders into speech/train, speech/validation and speech/test"
)
_FORMAT = 1


@dataclass(frozen=True)
class Item:
    """One FLAC of a corpus: 16 kHz, mono, 16 bit.

    `file` is relative to the corpus folder; `sources` are the paths inside `package` of the recordings in it.
    A speech item has a speaker and a language, a noise item a label; what does not apply is "".
    """

    file: str
    kind: Literal["speech", "noise"]
    split: Split
    sources: tuple[str, ...]
    package: str
    version: str
    speaker: str
    language: str
    label: str
    seconds: Annotated[float, Gt(0.0)]
    licence: str
    author: str
    sha256: str

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class _Document:
    """A manifest as it stands in its file."""

    format: int
    rate: int
    packages: dict[str, dict[str, str]]
    items: tuple[Item, ...]

    __pydantic_config__ = STRICT


@dataclass
class Manifest:
    """The items of a corpus folder and, for each package, what they were made of (version, archive, recipe hash)."""

    folder: Path
    records: list[Item] = field(default_factory=list)
    packages: dict[str, dict[str, str]] = field(default_factory=dict)
    former: list[Item] = field(default_factory=list)  # of the package that was replaced last

    def items(self, kind: str, split: str) -> list[Item]:
        """Return the items of a kind (`speech` or `noise`) in a split, in the order of their file names.

        Raises:
            StapesError: unknown kind or split.
        """
        if kind not in ("speech", "noise"):
            raise StapesError(f"kind {kind!r} is unknown; use speech or noise")
        if split not in SPLITS:
            raise StapesError(f"split {split!r} is unknown; use one of {', '.join(SPLITS)}")
        return [item for item in self.records if item.kind == kind and item.split == split]

    def read(self, item: Item, start: int = 0, samples: int = -1) -> Audio:
        """Return an item's samples (S,) float32 at 16 kHz, or `samples` of them from `start` on.

        Raises:
            StapesError: the file is missing or damaged.
        """
        path = self.folder / item.file
        try:
            audio, rate = soundfile.read(path, frames=samples, start=start, dtype="float32")
        except (OSError, soundfile.SoundFileError) as error:
            raise StapesError(f"{path}: cannot be read; run `stapes corpus fetch {self.folder}` again") from error
        if rate != RATE or audio.ndim != 1:
            raise StapesError(f"{path}: is not {RATE} Hz mono; run `stapes corpus fetch {self.folder}` again")
        result: Audio = audio
        return result

    def minutes(self, kind: str, split: str) -> float:
        """Return the minutes of a kind in a split."""
        return sum(item.seconds for item in self.items(kind, split)) / 60

    def require_speech(self, *splits: str) -> None:
        """Check that each of these splits has speech.

        Raises:
            StapesError: one has none; the message says what there is and how the split is made.
        """
        speakers: dict[str, int] = {
            split: len({item.speaker for item in self.items("speech", split)})
            for split in (*SHARED, *(split for split in splits if split not in SHARED))
        }
        if missing := [split for split in splits if not speakers[split]]:
            there = ", ".join(f"{count} in {split}" for split, count in speakers.items())
            raise StapesError(
                f"{self.folder}: has no {missing[0]} speech (speakers: {there}); {SPLIT_RULE}, "
                f"then run `stapes corpus fetch {self.folder}` again"
            )

    def replace_package(self, name: str, about: dict[str, str], items: Iterable[Item]) -> None:
        """Put `items` in the place of whatever the manifest held of a package."""
        self.former = [item for item in self.records if item.package == name]
        self.records = [item for item in self.records if item.package != name] + list(items)
        self.records.sort(key=lambda item: item.file)
        self.packages[name] = about

    def is_complete(self, name: str, recipe: str) -> bool:
        """Tell whether a package was built with this recipe hash and all its files still have their hashes."""
        if self.packages.get(name, {}).get("recipe") != recipe:
            return False
        files = [item for item in self.records if item.package == name]
        return all((self.folder / i.file).is_file() and sha256_of_file(self.folder / i.file) == i.sha256 for i in files)

    def check_disjoint(self) -> None:
        """Check that no speaker, language or recording stands in two splits, and no package of the split apart in another.

        A language may: what is kept apart there are hands and microphones.

        Raises:
            StapesError: one does; the message names it.
        """
        seen: dict[tuple[str, str], set[str]] = defaultdict(set)
        apart = {item.package for item in self.records if item.split not in SHARED} - {OWN}
        for item in self.records:
            if item.package in apart:
                seen["package", item.package].add(item.split)
            if item.kind == "speech":
                seen["speaker", item.speaker].add(item.split)
                if item.language and item.split in SHARED:
                    seen["language", item.language.split("_")[0]].add(item.split)
            for source in item.sources:
                seen["recording", f"{item.package}: {source}"].add(item.split)
        for (what, name), splits in seen.items():
            if len(splits) > 1:
                raise StapesError(
                    f"{what} {name} is in more than one split ({', '.join(sorted(splits))}); move it to one"
                )

    def wrote(self, file: str) -> bool:
        """Tell whether a file is as an earlier fetch wrote it."""
        path = self.folder / file
        return any(
            item.file == file and path.is_file() and sha256_of_file(path) == item.sha256 for item in self.records
        )

    def remove_strays(self) -> None:
        """Delete what an earlier fetch wrote of the package that was replaced last, and this one did not, if it is unchanged."""
        known = {item.file for item in self.records}
        for item in self.former:
            path = self.folder / item.file
            if item.file not in known and path.is_file() and sha256_of_file(path) == item.sha256:
                path.unlink()

    def save(self) -> None:
        """Write the manifest (whole or not at all)."""
        text = json.dumps(
            {"format": _FORMAT, "rate": RATE, "packages": self.packages, "items": [asdict(i) for i in self.records]},
            indent=1,
            sort_keys=True,
            ensure_ascii=False,
        )
        write_whole(self.folder / FILE_NAME, (text + "\n").encode("utf-8"))


def load_manifest(folder: str | Path) -> Manifest:
    """Read the manifest of a corpus folder.

    Raises:
        StapesError: there is none, or it is not one that this version wrote.
    """
    folder = Path(folder)
    path = folder / FILE_NAME
    if not path.is_file():
        raise StapesError(f"{folder}: holds no {FILE_NAME}; run `stapes corpus fetch {folder}` first")
    remedy = f"name another folder, or move it away and run `stapes corpus fetch {folder}` again"
    data = parse_json(path.read_bytes(), f"{path}: is no corpus manifest", remedy)
    if isinstance(data, dict) and data.get("format") != _FORMAT:
        raise StapesError(
            f"{path}: is of format {str(data.get('format'))[:20]}, this version reads {_FORMAT}; fetch it anew"
        )
    document = validated(_Document, data, f"{path}: is no corpus manifest", remedy)
    for item in document.items:
        inside = PurePosixPath(item.file)
        if inside.is_absolute() or ".." in inside.parts:
            raise StapesError(f"{path}: names the file {item.file[:80]!r} outside of the corpus; {remedy}")
    return Manifest(folder, list(document.items), document.packages)
