"""The bundle: one folder that says all of a quantised model, sealed by a hash.

    model.tflite    the integer graph          recipe.toml    every choice that made it
    float.onnx      the streaming float graph  manifest.json  hashes, versions, sizes, states, saturation
    vectors.npz     golden input and output    lock.json      output hashes that `stapes regress` holds it to (optional)

The bundle's hash is that of its manifest, which holds the hash of every other file but the lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from ..export.c.names import require_name
from ..export.c.runtime import runtime_sha256
from ..export.tflite import from_bytes
from ..export.vectors import Vectors
from ..models.audio import SoundPath, from_front_end
from ..models.audio.equaliser import without_equaliser
from ..models.errors import StapesError
from ..models.files import locked, write_whole
from ..models.fitting import Fitting
from ..models.schema import STRICT, STRICT_OPEN, parse_json, validated
from ..quantize.audio import path_params, require_free_tensors
from ..quantize.audio.ends import network_ends
from ..quantize.graph import Graph
from ..quantize.recipe import Recipe, load_recipe
from ..quantize.soundness import require_sound
from ..quantize.tflm_builds import ORACLE
from .arrays import read_npz
from .float_network import require_float_network
from .given import given_path

# What `format` of a manifest says:
#   1  the path as a flat table under `frontend`
#   2  the path as a list of stages under `stages`; the wheel whose bits it has under `oracle`; the hash of the C runtime of the
#      version that made it under `runtime_sha256`
FORMAT = 2
READABLE = (1, 2)
MANIFEST = "manifest.json"
LOCK = "lock.json"
SEALED = ("model.tflite", "float.onnx", "recipe.toml", "vectors.npz")


AGAIN = "make the bundle again with: stapes quantize"

Fraction = Annotated[float, Ge(0.0), Le(1.0)]


def _require_sha256(key: str, value: str) -> None:
    """Raise StapesError for what is no SHA-256 as it is written."""
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise StapesError(f"{key} is {value[:80]!r}; it must be a SHA-256, 64 digits of 0-9 and a-f; {AGAIN}")


@dataclass(frozen=True)
class _File:
    """A file that a bundle was made from."""

    file: str
    sha256: str

    __pydantic_config__ = STRICT_OPEN

    def __post_init__(self) -> None:
        _require_sha256("sha256", self.sha256)


@dataclass(frozen=True)
class _Calibration:
    """What a bundle was calibrated on."""

    files: tuple[_File, ...]
    frames: Annotated[int, Ge(1)]

    __pydantic_config__ = STRICT_OPEN


@dataclass(frozen=True)
class _Manifest:
    """What every command may rely on in a manifest; a later version may say more."""

    format: int
    version: str
    name: str
    checkpoint: _File
    calibration: _Calibration
    recipe: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[tuple[str, str], ...]
    saturation: dict[str, Fraction]
    planned_saturation: dict[str, Fraction]
    quality: dict[str, float]
    files: dict[str, str]
    bundle_sha256: str
    fitting: dict[str, Any] | None = None

    __pydantic_config__ = STRICT_OPEN


@dataclass(frozen=True)
class _Format1:
    """The path as a flat table."""

    frontend: dict[str, Any] | None

    __pydantic_config__ = STRICT_OPEN


@dataclass(frozen=True)
class _Format2:
    """The path as a list of stages, and what the integers were held to."""

    stages: list[Any] | None
    oracle: str
    runtime_sha256: str

    __pydantic_config__ = STRICT_OPEN

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}==[\w.+!-]{1,100}", self.oracle, re.ASCII):
            raise StapesError(
                f"oracle is {self.oracle[:80]!r}; it must be a package and its version, name==version; {AGAIN}"
            )
        _require_sha256("runtime_sha256", self.runtime_sha256)


@dataclass(frozen=True)
class _Lock:
    """The lock as it stands in its file."""

    bundle_sha256: str
    outputs: dict[str, str]
    outputs_sha256: str

    __pydantic_config__ = STRICT


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tool_version() -> str:
    """The version of the installed distribution."""
    return metadata.version("stapes")


def canonical_json(document: Any) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle whose hashes were checked."""

    folder: Path
    graph: Graph
    recipe: Recipe
    sound_path: SoundPath | None
    manifest: dict[str, Any]
    fitting: Fitting | None = None

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def hash(self) -> str:
        return str(self.manifest["bundle_sha256"])

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, also the lock where there is none."""
        return tuple(self.folder / name for name in (*SEALED, MANIFEST, LOCK))

    @property
    def tflite(self) -> bytes:
        return (self.folder / "model.tflite").read_bytes()

    @property
    def float_onnx(self) -> Path:
        return self.folder / "float.onnx"

    def vectors(self) -> dict[str, np.ndarray]:
        """Golden arrays by name; see `tools.library.golden`."""
        path = self.folder / "vectors.npz"
        return read_npz(path, str(path), AGAIN)

    def require_sound_path(self) -> SoundPath:
        """The front end; raises StapesError for a network without an audio path."""
        if self.sound_path is None:
            raise StapesError(
                f"{self.folder}: this bundle is a network without an audio path; `stapes regress` and `stapes simulate` run "
                "it over .npz files of frames, for sound quantise it with --front-end"
            )
        return self.sound_path

    def unfitted(self) -> Bundle:
        """The same without the equaliser of its fitting: what a bundle without a fitting does to the sound, to the bit."""
        return replace(self, sound_path=without_equaliser(self.require_sound_path()), fitting=None)

    def lock(self, anew: bool = False) -> dict[str, str]:
        """Locked output hashes by key; empty when nothing is locked, and with `anew` where the lock is that of another bundle.

        Raises StapesError for a damaged lock, and without `anew` for that of another bundle.
        """
        path = self.folder / LOCK
        if not path.is_file():
            return {}
        data = path.read_bytes()
        outputs = _locked_outputs(data)
        again = "lock again with: stapes regress --update"
        if outputs is None:
            raise StapesError(f"{path}: damaged, or not written by stapes; move it away, and {again}")
        if data != canonical_json(self._lock_document(outputs)):
            if not anew:
                raise StapesError(f"{path}: of another bundle; {again}, or leave it alone with --no-lock")
            return {}
        return outputs

    def write_lock(self, outputs: dict[str, str]) -> None:
        """Lock outputs, in place of a lock that is there; raises StapesError for a file in its place that is no lock, or was changed."""
        with locked(self.folder):
            self.lock(anew=True)
            write_whole(self.folder / LOCK, canonical_json(self._lock_document(outputs)))

    def _lock_document(self, outputs: dict[str, str]) -> dict[str, Any]:
        hashed = sha256(canonical_json(outputs))
        return {"bundle_sha256": self.hash, "outputs": outputs, "outputs_sha256": hashed}


def seal(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest with the hashes of the files that stand in the folder; returns it."""
    files = {name: sha256((folder / name).read_bytes()) for name in SEALED}
    made_by = {"format": FORMAT, "version": tool_version(), "oracle": ORACLE, "runtime_sha256": runtime_sha256()}
    document = {**manifest, **made_by, "files": files}
    document["bundle_sha256"] = sha256(canonical_json(document))
    (folder / MANIFEST).write_bytes(canonical_json(document))
    return document


def is_lock(data: bytes) -> bool:
    """Whether these are the bytes of a lock as it was written, of this bundle or another."""
    return _locked_outputs(data) is not None


def _locked_outputs(data: bytes) -> dict[str, str] | None:
    """The outputs that a lock holds, of this bundle or another; None for other bytes, and for those that were changed."""
    try:
        document = parse_json(data, "", "")
        outputs = validated(_Lock, document, "", "").outputs
    except StapesError:
        return None
    whole = data == canonical_json(document) and document.get("outputs_sha256") == sha256(canonical_json(outputs))
    return outputs if whole else None


def written_files(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of what was written into a bundle's folder, by its manifest; {} where there is none.

    Raises StapesError for a manifest of something else, or one that was changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        files = _sealed_manifest(path)["files"]
    except StapesError:
        raise StapesError(f"{path}: not the manifest of a bundle as it was written; give a new folder") from None
    hashes = {name: str(files.get(name)) for name in SEALED} | {MANIFEST: sha256(path.read_bytes())}
    lock = folder / LOCK
    if lock.is_file() and is_lock(lock.read_bytes()):
        hashes[LOCK] = sha256(lock.read_bytes())
    return hashes


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Open a bundle; raises StapesError when it is none, of another format, or changed since it was made."""
    folder = given_path(folder, "a bundle")
    if folder.is_file():
        raise StapesError(
            f"{folder}: is a file, and a bundle is a folder that comes first; make one with: stapes quantize CHECKPOINT -o FOLDER"
        )
    if not folder.is_dir():
        raise StapesError(f"{folder}: no such folder; make a bundle with: stapes quantize CHECKPOINT -o {folder}")
    path = folder / MANIFEST
    if not path.is_file():
        raise StapesError(f"{folder}: not a bundle, {MANIFEST} is missing; make one with: stapes quantize")
    manifest = _sealed_manifest(path)
    contents = {name: _sealed_file(folder / name, manifest["files"].get(name)) for name in SEALED}
    told = validated(_Manifest, manifest, str(path), AGAIN)
    sound_path = _stored_path(path, manifest)
    with _told_of(folder / "model.tflite"):
        graph = from_bytes(contents["model.tflite"])
        require_sound(graph)
        require_free_tensors(graph.tensors, sound_path)
    recipe = load_recipe(folder / "recipe.toml")
    _require_agreement(path, told, graph, recipe)
    with _told_of(path):
        _require_audio_path(sound_path, graph)
    with _told_of(folder / "vectors.npz"):
        Vectors.from_arrays(read_npz(contents["vectors.npz"], "its arrays", AGAIN), graph, sound_path)
    with _told_of(folder / "float.onnx"):
        require_float_network(contents["float.onnx"], graph)
    return Bundle(folder, graph, recipe, sound_path, manifest, _stored_fitting(path, told, sound_path))


def refuse_inside(bundle: Bundle, output: Path) -> None:
    """Raise StapesError for an output in the folder of a bundle, which is sealed."""
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(bundle.folder)):
        raise StapesError(f"{output}: lies in the bundle {bundle.folder}, which is sealed; give another output")


def opened(bundle: Bundle | str | os.PathLike[str]) -> Bundle:
    """A bundle as it is given to a function of the library: itself, or its folder, which is opened."""
    return bundle if isinstance(bundle, Bundle) else load_bundle(bundle)


def _sealed_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a bundle, its hash and its format checked; nothing else of it is."""
    damaged = StapesError(f"{path}: damaged; {AGAIN}")
    data = path.read_bytes()
    try:
        manifest = parse_json(data, "", "")
    except StapesError:
        raise damaged from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise damaged
    body = {key: value for key, value in manifest.items() if key != "bundle_sha256"}
    # The bytes themselves, so that a change which JSON does not see is seen.
    if sha256(canonical_json(body)) != manifest.get("bundle_sha256") or data != canonical_json(manifest):
        raise StapesError(f"{path}: changed since the bundle was made (hash differs); make the bundle again")
    if manifest.get("format") not in READABLE:
        known = " and ".join(str(number) for number in READABLE)
        raise StapesError(
            f"{path}: bundle format {repr(manifest.get('format'))[:20]}, this stapes reads {known}; make the bundle again"
        )
    return manifest


def _stored_path(path: Path, manifest: dict[str, Any]) -> SoundPath | None:
    """The path of a sealed manifest, in the form of its format."""
    with _told_of(path):
        if manifest["format"] == 1:
            table = validated(_Format1, manifest, "manifest", AGAIN).frontend
            return from_front_end(table) if table is not None else None
        stages = validated(_Format2, manifest, "manifest", AGAIN).stages
        return SoundPath.from_tables(stages) if stages is not None else None


def _stored_fitting(path: Path, told: _Manifest, sound_path: SoundPath | None) -> Fitting | None:
    """The fitting of a manifest, None where there is none; raises StapesError for one that is not that of the path."""
    if told.fitting is None:
        return None
    fitting = validated(Fitting, told.fitting, f"{path}: fitting", AGAIN)
    rate = sound_path.sample_rate if sound_path is not None else None
    if sound_path is None or rate != fitting.sample_rate or fitting.stage not in sound_path.stages:
        raise StapesError(f"{path}: fitting: its equaliser is not that of the path; {AGAIN}")
    return fitting


def _sealed_file(path: Path, expected: object) -> bytes:
    if not path.is_file():
        raise StapesError(f"{path}: missing; {AGAIN}")
    data = path.read_bytes()
    if sha256(data) != expected:
        raise StapesError(f"{path}: changed since the bundle was made (hash differs); make the bundle again")
    return data


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Put the file in front of what is wrong in it."""
    try:
        yield
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from None


def _require_agreement(path: Path, told: _Manifest, graph: Graph, recipe: Recipe) -> None:
    """The hash of a bundle is no signature: a manifest may have been written for another graph."""
    require_name(told.name, f"{path}: name", f"{AGAIN}")
    if not told.version or not told.version.isprintable() or len(told.version) > 100:
        raise StapesError(f"{path}: version is {told.version[:80]!r}; give one line of text; {AGAIN}")
    if told.recipe != recipe.name:
        raise StapesError(f"{path}: recipe is {told.recipe[:80]!r}, recipe.toml is {recipe.name!r}; {AGAIN}")
    states = tuple((state.input, state.output) for state in graph.states)
    for key, value in (("inputs", graph.inputs), ("outputs", graph.outputs), ("states", states)):
        if getattr(told, key) != value:
            raise StapesError(f"{path}: {key} are not those of model.tflite; {AGAIN}")
    for key in ("saturation", "planned_saturation"):
        if unknown := sorted(set(getattr(told, key)) - set(graph.tensors)):
            raise StapesError(f"{path}: {key} names {unknown[0][:80]!r}, no tensor of model.tflite; {AGAIN}")


def _require_audio_path(sound_path: SoundPath | None, graph: Graph) -> None:
    if sound_path is None:
        return
    try:
        path_params(sound_path)
        network_ends(graph, sound_path)
    except (ArithmeticError, ValueError) as error:
        raise StapesError(f"front end: a constant is out of range ({error}); {AGAIN}") from None
