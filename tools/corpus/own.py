"""A user's own `speech/` and `noise/` folders (EARS, VCTK, LibriSpeech, DNS, WHAM!, ...) as if they were a package."""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from pathlib import Path

from ...models.errors import StapesError
from .manifest import SPLIT_RULE
from .rules import OWN
from .sources import SHARED, SPLITS, Noise, Package, Speech, Split

SUFFIXES = (".wav", ".flac")
PACKAGE = Package(OWN, "", "yours", ())


def groups(own: Path) -> dict[Speech | Noise, list[Path]]:
    """Return the recordings of a user's folder, each under a rule that names its voice or label and its split.

    The first folder under `speech/` is the speaker, that under `noise/` the label; of a file that lies in no folder
    it is the part of the name before the first `_` or `-`. Folders named train, validation, test or apart at the top
    (`speech/test/anna/1.wav`) decide the split. Otherwise a tenth of the speakers, and of the noise recordings, goes
    to validation and as much to test (at least one, where there are three or more), chosen by a hash of the name.

    Raises:
        StapesError: neither tree has a wav or flac file; one or two speakers in no folder of a split, who cannot be shared out.
    """
    found: dict[Speech | Noise, list[Path]] = defaultdict(list)
    speech, noise = _recordings(own, "speech"), _recordings(own, "noise")
    if not speech and not noise:
        raise StapesError(f"{own}: has no wav or flac file in a speech/ or noise/ folder; put your recordings there")
    speakers = {path: _owner(own / "speech", path) for path in speech}
    shared = {who for who, split in speakers.values() if not split}
    if 0 < len(shared) < len(SHARED) and len(shared) == len({who for who, _ in speakers.values()}):
        raise StapesError(
            f"{own}: speech of {len(shared)} speaker(s): {', '.join(sorted(shared))}; {SPLIT_RULE}. The speaker is the first folder "
            "under speech/, or what stands in the file's name before the first _ or -"
        )
    splits = _splits(shared)
    for path, (who, split) in speakers.items():
        found[Speech("", f"own-{who}", "", split or splits[who])].append(path)
    splits = _splits({path.as_posix() for path in noise if not _owner(own / "noise", path)[1]})
    for path in noise:
        label, split = _owner(own / "noise", path)
        found[Noise("", label, split or splits[path.as_posix()])].append(path)
    return dict(found)


def _recordings(own: Path, kind: str) -> list[Path]:
    return sorted(p for p in (own / kind).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _owner(tree: Path, path: Path) -> tuple[str, Split | None]:
    """Return speaker or label, and the split that the folders ask for."""
    parts = path.relative_to(tree).parts
    split = next((split for split in SPLITS if len(parts) > 1 and parts[0] == split), None)
    parts = parts[1:] if split else parts
    return (parts[0] if len(parts) > 1 else re.split("[_-]", path.stem)[0]), split


def _splits(names: set[str]) -> dict[str, Split]:
    """Return a split for every name; the shares are exact, the choice looks random and is the same every time.

    >>> sorted(_splits({"a", "b", "c"}).values())
    ['test', 'train', 'validation']
    """
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    share = math.ceil(len(order) / 10) if len(order) >= 3 else 0
    return {
        name: "test" if rank < share else "validation" if rank < 2 * share else "train"
        for rank, name in enumerate(order)
    }
