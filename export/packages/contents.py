"""What every package holds: the exported C of a bundle, and what its templates print."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...models.errors import StapesError
from ..c.costs import context_bytes, ram_by_part
from ..c.files import WARNINGS, render
from ..c.program import Program
from ..c.runtime import FOLDER as RUNTIME_FOLDER
from ..c.runtime import exported_path, runtime_files, runtime_text
from ..c.self_test import network_on_vectors
from ..cmsis_dsp import CmsisDsp
from ..memory import aligned
from ..stamp import Stamp
from ..template import Templates
from ..vectors import Vectors

FOLDER = Path(__file__).parent / "templates"
TEMPLATES = Templates(FOLDER)
MARKER = "stapes-package.json"
# The members of a stream behind its context, and the alignment of its halves.
_STREAM_COUNTERS, _CACHE_LINE = 28, 32
_STREAM_FUNCTIONS = ("stapes_dma_start", "stapes_dma_at")
# Of the plain export a package takes the C; how it is built stands in the package's own files.
_NOT_TAKEN = ("Makefile", "CMakeLists.txt", "README.md")


@dataclass(frozen=True)
class Contents:
    """The C of a bundle; `cmsis_dsp` is None where there is no audio path."""

    program: Program
    stamp: Stamp
    vectors: Vectors
    cmsis_dsp: CmsisDsp | None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def version(self) -> str:
        """major.minor.patch, which every package format takes."""
        numbers = re.match(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", self.stamp.version)
        return numbers[0] if numbers else "0.0.0"

    @functools.cached_property
    def library(self) -> Mapping[str, str]:
        """Relative name -> text of the headers and C files; with an audio path the double buffer is among them."""
        target = self.program.target
        exported = render(self.program, self.stamp, self.vectors)
        files = {
            name: text for name, text in exported.items() if name not in _NOT_TAKEN and name != f"{self.name}_runner.c"
        }
        if self.program.audio is not None:
            files |= {f"{self.name}_stream.{end}": self.render(f"common/stream.{end}.j2") for end in ("h", "c")}
            files |= {
                f"{RUNTIME_FOLDER}/{file}": runtime_text(file, target)
                for file in runtime_files(_STREAM_FUNCTIONS, target=target)
            }
        return dict(sorted(files.items()))

    @property
    def sources(self) -> list[str]:
        return [name for name in self.library if name.endswith(".c")]

    @property
    def headers(self) -> list[str]:
        """Headers that a user includes, the entry first."""
        own = [name for name in self.library if name.endswith(".h") and "/" not in name]
        private = {f"{self.name}_weights.h", f"{self.name}_vectors.h"}
        return sorted((name for name in own if name not in private), key=lambda name: (name != f"{self.name}.h", name))

    def example(self, main: str) -> dict[str, str]:
        """The example's `main` template, and with an audio path the simulated DMA that it runs on."""
        files = {"main.c": self.render(main)}
        if self.program.audio is not None:
            files |= {f"simulated_dma.{end}": self.render(f"common/simulated_dma.{end}.j2") for end in ("h", "c")}
        return files

    def render(self, template: str, **more: Any) -> str:
        return TEMPLATES.render(template, self._values | more)

    @functools.cached_property
    def _values(self) -> dict[str, Any]:
        name, stamp = self.name, self.stamp
        return {
            "name": name,
            "NAME": name.upper(),
            "program": self.program,
            "audio": self.program.audio,
            "cmsis": self.program.audio is not None and bool(self.program.audio.cmsis),
            "run_on_vectors": network_on_vectors(self.program, "    const stapes_status status", "&context", "made."),
            "vectors": self.vectors,
            "vector_bytes": self.vectors.nbytes,
            "stamp": stamp,
            "version": self.version,
            "mark": stamp.mark(self.program.target),
            "target": self.program.target,
            "exported_path": exported_path,
            "warnings": WARNINGS,
            "ram": self.ram,
        }

    @property
    def ram(self) -> dict[str, int]:
        """Bytes by part on a Cortex-M: of the stream with an audio path, else of the context."""
        parts = ram_by_part(self.program)
        audio = self.program.audio
        if audio is None:
            return parts
        halves = 8 * audio.sound_path.hop
        stream = aligned(halves, _CACHE_LINE) + context_bytes(self.program) + _STREAM_COUNTERS
        parts["halves of both DMAs"] = halves
        parts["counters and padding"] = aligned(stream, _CACHE_LINE) - sum(parts.values())
        return parts

    def marker(self, kind: str, files: Mapping[str, bytes]) -> bytes:
        """What tells a package of this tool from other folders: of which bundle it is, and the hash of every file."""
        document = {
            "bundle_sha256": self.stamp.bundle_hash,
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            "name": self.name,
            "package": kind,
            "recipe": self.stamp.recipe,
            "stapes": self.stamp.version,
            "target": self.program.target.name,
        }
        return as_bytes(json.dumps(document, indent=1, sort_keys=True) + "\n")


def written_files(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of what was written into a package's folder, by its marker; {} where there is none.

    A marker of somebody else may list any file. One that goes for it has the listed hash: whoever wrote the list knew all of it,
    and nothing is lost that was made here.
    """
    path = folder / MARKER
    if not path.is_file():
        return {}
    data = path.read_bytes()
    try:
        files = {str(name): str(value) for name, value in json.loads(data)["files"].items()}
        if not all(name.isprintable() for name in files):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StapesError(f"{path}: damaged, or not of a package; give a new folder") from None
    return files | {MARKER: hashlib.sha256(data).hexdigest()}


def as_bytes(content: str | bytes) -> bytes:
    """The content of a file; text is UTF-8."""
    return content.encode("utf-8") if isinstance(content, str) else content


def licence() -> str:
    """The text of the Apache License 2.0, under which this tool's runtime and CMSIS-DSP are."""
    return (FOLDER / "common" / "LICENSE").read_text(encoding="utf-8")
