"""The bundle: one folder that says all of a quantised model, sealed by a hash.

    model.tflite    the integer graph          recipe.toml    every choice that made it
    float.onnx      the streaming float graph  manifest.json  hashes, versions, sizes, states, saturation
    vectors.npz     golden input and output    lock.json      output hashes that `stapes regress` holds it to (optional)

The bundle's hash is that of its manifest, which holds the hash of every other file but the lock.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from export.tflite import from_bytes
from models.errors import StapesError
from models.files import write_whole
from models.frontend import FrontEnd
from quantize.graph import Graph
from quantize.recipe import Recipe, load_recipe

FORMAT = 1
MANIFEST = "manifest.json"
LOCK = "lock.json"
SEALED = ("model.tflite", "float.onnx", "recipe.toml", "vectors.npz")


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
    frontend: FrontEnd | None
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def hash(self) -> str:
        return str(self.manifest["bundle_sha256"])

    @property
    def tflite(self) -> bytes:
        return (self.folder / "model.tflite").read_bytes()

    @property
    def float_onnx(self) -> Path:
        return self.folder / "float.onnx"

    def vectors(self) -> dict[str, np.ndarray]:
        """Golden arrays by name; see `tools.quantize_command`."""
        with np.load(self.folder / "vectors.npz", allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def require_frontend(self) -> FrontEnd:
        """The front end; raises StapesError for a network without an audio path."""
        if self.frontend is None:
            raise StapesError(
                f"{self.folder}: this bundle is a network without an audio path; it has no audio to run on"
            )
        return self.frontend

    def lock(self) -> dict[str, str]:
        """Locked output hashes by key; empty when nothing is locked. Raises StapesError for the lock of another bundle."""
        path = self.folder / LOCK
        if not path.is_file():
            return {}
        try:
            document = json.loads(path.read_bytes())
            outputs = {str(key): str(value) for key, value in document["outputs"].items()}
        except (ValueError, KeyError, AttributeError, TypeError):
            outputs = {}
        if path.read_bytes() != canonical_json(self._lock_document(outputs)):
            raise StapesError(f"{path}: damaged, or of another bundle; lock again with: stapes regress --update")
        return outputs

    def write_lock(self, outputs: dict[str, str]) -> None:
        write_whole(self.folder / LOCK, canonical_json(self._lock_document(outputs)))

    def _lock_document(self, outputs: dict[str, str]) -> dict[str, Any]:
        hashed = sha256(canonical_json(outputs))
        return {"bundle_sha256": self.hash, "outputs": outputs, "outputs_sha256": hashed}


def seal(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest with the hashes of the files that stand in the folder; returns it."""
    files = {name: sha256((folder / name).read_bytes()) for name in SEALED}
    document = {**manifest, "format": FORMAT, "version": tool_version(), "files": files}
    document["bundle_sha256"] = sha256(canonical_json(document))
    (folder / MANIFEST).write_bytes(canonical_json(document))
    return document


def load_bundle(folder: str | Path) -> Bundle:
    """Open a bundle; raises StapesError when it is none, of another format, or changed since it was made."""
    folder = Path(folder)
    if not folder.is_dir():
        raise StapesError(f"{folder}: no such folder; make a bundle with: stapes quantize CHECKPOINT -o {folder}")
    path = folder / MANIFEST
    if not path.is_file():
        raise StapesError(f"{folder}: not a bundle, {MANIFEST} is missing; make one with: stapes quantize")
    try:
        manifest = json.loads(path.read_bytes())
        claimed = manifest["bundle_sha256"]
        files = manifest["files"]
        recorded = {name: files[name] for name in SEALED}
    except (ValueError, KeyError, TypeError):
        raise StapesError(f"{path}: damaged; make the bundle again with: stapes quantize") from None
    body = {key: value for key, value in manifest.items() if key != "bundle_sha256"}
    # The bytes themselves, so that a change which JSON does not see is seen.
    if sha256(canonical_json(body)) != claimed or path.read_bytes() != canonical_json(manifest):
        raise StapesError(f"{path}: changed since the bundle was made (hash differs); make the bundle again")
    if manifest["format"] != FORMAT:
        raise StapesError(
            f"{path}: bundle format {manifest['format']}, this stapes reads {FORMAT}; make the bundle again"
        )
    for name, expected in recorded.items():
        file = folder / name
        if not file.is_file():
            raise StapesError(f"{file}: missing; make the bundle again with: stapes quantize")
        if sha256(file.read_bytes()) != expected:
            raise StapesError(f"{file}: changed since the bundle was made (hash differs); make the bundle again")
    frontend = FrontEnd.from_dict(manifest["frontend"]) if manifest["frontend"] else None
    graph = from_bytes((folder / "model.tflite").read_bytes())
    return Bundle(folder, graph, load_recipe(folder / "recipe.toml"), frontend, manifest)
