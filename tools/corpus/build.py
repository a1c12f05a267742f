"""Packages and the user's own folders to a corpus folder: FLAC files and their manifest."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ...models.errors import Remark, StapesError
from ...models.files import check_folder, sha256_of_file, staging, write_whole
from ..work import Crew
from . import own as own_folders
from .decode import AUDIO_SUFFIXES, RATE, Audio
from .decoding import PROCESS_FILES, decoded
from .download import download, unpack, version_of
from .join import (
    LEAST_SECONDS,
    NOISE_SECONDS,
    PAUSE_SECONDS,
    SPEECH_SECONDS,
    Clip,
    generator,
    join,
    sequence,
    voice_folder,
)
from .manifest import FILE_NAME, Item, Manifest, load_manifest
from .sources import SHARED, Noise, Package, Speech, packages

# Raised whenever decoding or joining changes, so that older corpora are built anew.
_BUILD = 1
# Recordings that are decoded before what is made of them is written.
BATCH = 64


def fetch(
    folder: str | Path,
    lean: bool = True,
    own: str | Path | None = None,
    without: tuple[str, ...] = (),
    only_own: bool = False,
    seed: int = 0,
    quiet: bool = False,
    crew: Crew | None = None,
) -> Manifest:
    """Fetch, decode and index a corpus; what is already there with the right hash is left alone.

    Args:
        folder: where the corpus goes; made if absent.
        lean: take the lean set of packages instead of all.
        own: a folder with `speech/` and `noise/` trees of wav or flac, added to the corpus.
        without: names of packages to leave out.
        only_own: take no package at all.
        seed: of the order of prompts and the length of pauses.
        quiet: draw no progress bar on standard error.
        crew: who decodes the recordings; this process, if None. The corpus is the same, byte for byte.

    Raises:
        StapesError: a client is missing, a package cannot be fetched, `own` has no audio, a name is unknown.
    """
    folder = Path(folder)
    chosen = [] if only_own else packages(lean, without)
    own_groups = own_folders.groups(Path(own)) if own is not None else {}
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    crew = crew or Crew(1)
    crew.connect([folder, *([Path(own)] if own is not None else [])])
    manifest = load_manifest(folder) if (folder / FILE_NAME).is_file() else Manifest(folder)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        for package in chosen:
            task = progress.add_task(package.name, total=None)
            _fetch_package(manifest, package, seed, _Tell(crew, partial(_advance, progress, task)))
        if own is not None:
            task = progress.add_task("own recordings", total=None)
            _add_own(manifest, Path(own), own_groups, seed, _Tell(crew, partial(_advance, progress, task)))
    manifest.check_disjoint()
    _tell_missing(manifest)
    return manifest


def _tell_missing(manifest: Manifest) -> None:
    """A remark where mixing or training will lack speech: recordings that were too short, too loud or of too low a rate are left out."""
    try:
        manifest.require_speech(*SHARED)
    except StapesError as error:
        warnings.warn(str(error), Remark, stacklevel=3)


class _Tell(NamedTuple):
    """Who decodes, and who is told how far the work is."""

    crew: Crew
    report: Callable[[int, int], None]


_Groups = dict[Speech | Noise, list[Path]]


def _advance(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


def _fetch_package(manifest: Manifest, package: Package, seed: int, tell: _Tell) -> None:
    recipe = _recipe(package, seed)
    if manifest.is_complete(package.name, recipe):
        tell.report(1, 1)
        return
    archive = _archive(manifest, package)
    with staging(manifest.folder, ".unpack-") as root:
        unpack(archive, root)
        version = version_of(package, archive)
        items = list(_items(manifest, package, version, root, _groups(package, root), seed, tell))
    if not items:
        raise StapesError(f"{archive}: none of its recordings is where {package.name} used to keep them; report this")
    about = {
        "archive": archive.name,
        "archive_sha256": sha256_of_file(archive),
        "client": package.client,
        "licence": package.licence,
        "recipe": recipe,
        "version": version,
    }
    manifest.replace_package(package.name, about, items)
    manifest.save()
    manifest.remove_strays()


def _archive(manifest: Manifest, package: Package) -> Path:
    """Return the package's archive, downloaded unless an earlier run kept it."""
    kept = manifest.folder / "packages"
    separator = "_" if package.client == "apt" else "-"
    # Downloads are moved here only when they are whole.
    found = sorted(kept.glob(f"{package.name}{separator}{package.version}*"))
    return found[-1] if found else download(package, kept)


def _add_own(manifest: Manifest, own: Path, groups: _Groups, seed: int, tell: _Tell) -> None:
    package = own_folders.PACKAGE
    recipe = _own_recipe(own, groups, seed)
    if manifest.is_complete(package.name, recipe):
        tell.report(1, 1)
        return
    items = list(_items(manifest, package, "", own, groups, seed, tell))
    if not items:
        raise StapesError(f"{own}: none of its recordings can be used (16 kHz or more, not clipped, not silent)")
    manifest.replace_package(package.name, {"licence": package.licence, "recipe": recipe}, items)
    manifest.save()
    manifest.remove_strays()


def _own_recipe(own: Path, groups: _Groups, seed: int) -> str:
    about = sorted(
        f"{rule!r} {path.relative_to(own).as_posix()} {path.stat().st_size} {path.stat().st_mtime_ns}"
        for rule, paths in groups.items()
        for path in paths
    )
    return hashlib.sha256("\n".join([f"{_BUILD} {seed}", *about]).encode()).hexdigest()[:16]


def _recipe(package: Package, seed: int) -> str:
    return hashlib.sha256(f"{_BUILD} {seed} {package!r}".encode()).hexdigest()[:16]


def _items(
    manifest: Manifest, package: Package, version: str, root: Path, groups: _Groups, seed: int, tell: _Tell
) -> Iterator[Item]:
    files = _each_once(groups)
    tell.crew.worth(sum(map(len, files.values())) // PROCESS_FILES)
    total, done = sum(map(len, groups.values())), 0
    for batch in _batches(files):
        paths = [(rule, path) for rule in batch for path in files[rule]]
        voices: dict[Speech | Noise, dict[str, list[Clip]]] = {rule: defaultdict(list) for rule in batch}
        for place, audio, form in decoded(tell.crew, [path for _, path in paths], [_is_speech(r) for r, _ in paths]):
            rule, path = paths[place]
            source = path.relative_to(root).as_posix()
            voices[rule][_voice(rule, source, form)].append(Clip(source, audio))
        done += sum(len(groups[rule]) for rule in batch)
        tell.report(done, total)
        for rule in batch:
            for voice, clips in voices[rule].items():
                yield from _write_voice(manifest, package, version, rule, voice, clips, seed)


def _each_once(groups: _Groups) -> _Groups:
    """The recordings without those that a package carries again under another name."""
    seen: set[str] = set()
    files: _Groups = {rule: [] for rule in groups}
    for rule, paths in groups.items():
        for path in paths:
            digest = sha256_of_file(path)
            if digest not in seen:
                seen.add(digest)
                files[rule].append(path)
    return files


def _batches(files: _Groups) -> Iterator[list[Speech | Noise]]:
    """Rules whose recordings are decoded and held at once: as few as give some work to several processes."""
    batch: list[Speech | Noise] = []
    for rule in files:
        batch.append(rule)
        if sum(len(files[held]) for held in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _is_speech(rule: Speech | Noise) -> bool:
    return isinstance(rule, Speech)


def _voice(rule: Speech | Noise, source: str, form: str) -> str:
    if isinstance(rule, Noise):
        return rule.label
    return f"{rule.speaker}-{voice_folder(source)}-{form}" if rule.collection else rule.speaker


def _groups(package: Package, root: Path) -> _Groups:
    """Return the files of each rule; a file belongs to the first rule that matches it."""
    groups: _Groups = {rule: [] for rule in package.rules}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in AUDIO_SUFFIXES or not path.is_file() or path.is_symlink():
            continue
        name = "/" + path.relative_to(root).as_posix()
        rule = next((rule for rule in package.rules if fnmatchcase(name, rule.pattern)), None)
        if rule is not None and not any(fnmatchcase(name, skip) for skip in getattr(rule, "skip", ())):
            groups[rule].append(path)
    return groups


def _write_voice(
    manifest: Manifest, package: Package, version: str, rule: Speech | Noise, voice: str, clips: list[Clip], seed: int
) -> Iterator[Item]:
    rng = generator(seed, package.name, rule.pattern, voice)
    if isinstance(rule, Speech):
        joined = join(clips, PAUSE_SECONDS, SPEECH_SECONDS, rng)
    elif rule.join is not None:
        joined = [sequence(clips, rule.join, NOISE_SECONDS, rng)] if clips else []
    else:
        joined = [([clip.source], clip.audio) for clip in clips]
    speech = isinstance(rule, Speech)
    for index, (sources, audio) in enumerate(joined):
        if speech and len(audio) < LEAST_SECONDS * RATE:
            continue
        stem = _stem(voice if speech else "", sources, index)
        file = f"{'speech' if speech else 'noise'}/{package.name}/{stem}.flac"
        yield Item(
            file=file,
            kind="speech" if speech else "noise",
            split=rule.split,
            sources=tuple(sources),
            package=package.name,
            version=version,
            speaker=voice if speech else "",
            language=rule.language if isinstance(rule, Speech) else "",
            label=rule.label if isinstance(rule, Noise) else "",
            seconds=round(len(audio) / RATE, 3),
            licence=rule.licence or package.licence,
            author=rule.author or package.author,
            sha256=_write_item(manifest, file, audio),
        )


def _write_item(manifest: Manifest, file: str, audio: Audio) -> str:
    """The file's SHA-256; raises StapesError where one stands there that was not written by an earlier fetch."""
    path, data = manifest.folder / file, flac_bytes(audio)
    if path.exists() and path.read_bytes() != data and not manifest.wrote(file):
        raise StapesError(f"{path}: not written by an earlier fetch, or changed since; move it away and fetch again")
    return _write(path, data)


def _stem(voice: str, sources: list[str], index: int) -> str:
    if voice:
        stem = f"{voice}-{index:03d}"
    elif len(sources) == 1:
        stem = "-".join(Path(sources[0]).with_suffix("").parts[-3:])
    else:
        stem = f"{Path(min(sources)).stem}-joined"
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)


def flac_bytes(audio: Audio) -> bytes:
    """(S,) float32 -> a 16 kHz mono 16-bit FLAC file."""
    samples = np.clip(np.rint(audio.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def write_flac(path: Path, audio: Audio) -> str:
    """Write (S,) float32 as `flac_bytes`, whole or not at all, and return the file's SHA-256."""
    return _write(path, flac_bytes(audio))


def _write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()
