"""An exported program as its machines compile it: its sources, the shim around it, its network's arrays, its traced tensors.

B utterances, S samples, T frames.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...models import children
from ...models.errors import StapesError
from ...quantize.audio import traced_dtype
from ...quantize.graph import DTYPES, Graph
from .audio import to_blocks

SHIM = Path(__file__).with_name("program_shim.c")
STRICT = (
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wdouble-promotion",
    "-Wundef",
    "-Wcast-align",
)
HOPS_A_CALL = 500
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"\n]+)"', re.MULTILINE)
# The folder of an export whose files, in folders of their own, say nothing of a program.
RUNTIME = "runtime"


@dataclass(frozen=True)
class TracedTensor:
    """A tensor as the program hands it out after each hop."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Ports:
    """Bytes of each input and each output of a network, in the order of the program's arguments."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @classmethod
    def of(cls, graph: Graph) -> Ports:
        sizes = [[graph.tensors[name].bytes for name in names] for names in (graph.inputs, graph.outputs)]
        return cls(*map(tuple, sizes))

    @property
    def count(self) -> int:
        return len(self.inputs) + len(self.outputs)

    def split(self, data: bytes) -> list[bytes]:
        """The outputs, one behind the other, taken apart."""
        ends = np.cumsum(self.outputs)
        return [data[end - size : end] for end, size in zip(ends, self.outputs, strict=True)]


class ProgramSource:
    """A copy of an exported folder that lives as long as this object: the folder may be removed."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self.name = name or Path(folder).name
        self.folder = Path(tempfile.mkdtemp(prefix="stapes-c-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        shutil.copytree(folder, self.folder, dirs_exist_ok=True)


def program_files(folder: Path) -> list[Path]:
    """The C files of an exported program, without its self-test."""
    files = sorted([*folder.glob("*.c"), *(folder / RUNTIME).rglob("*.c")])
    return [path for path in files if not path.name.endswith(("_runner.c", "_self_test.c", "_vectors.c"))]


def runtime_of(folder: Path, path: Path) -> Path | None:
    """The runtime of an exported folder where a file belongs to it, else None: where `shared_object` looks for headers."""
    return folder / RUNTIME if path.is_relative_to(folder / RUNTIME) else None


def self_test_files(folder: Path, name: str) -> list[Path]:
    """The C files of a program's self-test; raises StapesError where it was exported without golden vectors."""
    files = [folder / f"{name}_self_test.c", folder / f"{name}_vectors.c"]
    for path in files:
        if not path.is_file():
            raise StapesError(f"{path}: not there; export the program with golden vectors")
    return files


def needs_transform(folder: Path) -> bool:
    """Whether an exported program calls CMSIS-DSP: one without an audio path does not."""
    return any(path.name == "stapes_rfft_q31.c" for path in program_files(folder))


def needs_controls(folder: Path) -> bool:
    """Whether an exported program has controls."""
    return (folder / RUNTIME / "audio" / "stapes_controls.h").is_file()


def program_defines(folder: Path, name: str, trace: bool, ports: Ports | None = None) -> list[str]:
    """Compiler options under which the program and the shim see each other.

    With `ports` the shim runs frames through the network, else hops of audio through the whole.
    """
    names = [f"-DSTAPES_NAME={name}", f"-DSTAPES_NAME_UPPER={name.upper()}", f'-DSTAPES_HEADER="{name}.h"']
    if ports:
        names += [
            "-DSTAPES_PORTS=" + ",".join(f"ports[{index}]" for index in range(ports.count)),
            f"-DSTAPES_INPUT_BYTES={','.join(map(str, ports.inputs))}",
            f"-DSTAPES_OUTPUT_BYTES={','.join(map(str, ports.outputs))}",
        ]
    controls = ["-DSTAPES_CONTROLS"] if needs_controls(folder) else []
    header = (folder / f"{name}.h").read_text("utf-8") if controls else ""
    controls += ["-DSTAPES_MEMBERS"] if f"{name}_set_controls(" in header else []
    controls += ["-DSTAPES_LATENT"] if f"{name}_set_latent(" in header else []
    return [*names, *controls, *(["-DSTAPES_TRACE"] if trace else []), f"-I{folder}"]


# The folder for objects of several processes: workers of one machine, of which each would compile the same runtime.
OBJECTS = "STAPES_OBJECTS"


def call_compiler(command: Sequence[str]) -> None:
    """Run a compiler; raises StapesError with its first complaint."""
    done = children.run(command)
    if done.returncode:
        said = done.stderr.splitlines()
        lines = [line for line in said if "error" in line] or said or ["no message"]
        raise StapesError(f"{Path(command[0]).name} cannot compile the exported C: {lines[0]}")


@functools.cache
def _object_folder() -> Path:
    """Objects that programs of this process have in common, or of all processes that OBJECTS names one folder to: they are compiled once."""
    if given := os.environ.get(OBJECTS):
        Path(given).mkdir(parents=True, exist_ok=True)
        return Path(given)
    folder = Path(tempfile.mkdtemp(prefix="stapes-objects-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _with_headers(path: Path, folder: Path) -> list[Path]:
    """A file and the headers in `folder` that it includes, by themselves or by others; they are named from where each stands."""
    found, waiting = {}, [path.resolve()]
    while waiting:
        file = waiting.pop()
        if file not in found and file.is_relative_to(folder.resolve()) and file.is_file():
            found[file] = _INCLUDE.findall(file.read_text(encoding="utf-8"))
            waiting += [(file.parent / name).resolve() for name in found[file]]
    return sorted(found)


def shared_object(command: Sequence[str], path: Path, runtime: Path | None = None) -> Path:
    """The object of a file that says nothing of a program: known by its text, those that it includes of `runtime`, and the command.

    What else the compiler writes, a `.su` file for instance, lies beside it. Raises StapesError as `call_compiler` does.
    """
    texts = [path, *(_with_headers(path, runtime) if runtime else ())]
    key = hashlib.sha256(repr([command, *(text.read_bytes() for text in texts)]).encode()).hexdigest()
    target = _object_folder() / f"{path.stem}_{key[:32]}.o"
    with _alone(target):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as work:
                call_compiler([*command, "-c", str(path), "-o", f"{work}/{target.name}"])
                # The object last: where it is, all is.
                for made in sorted(Path(work).iterdir(), key=lambda made: made.name == target.name):
                    os.replace(made, target.with_name(made.name))
    return target


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """A block in which no other process compiles the same object: whoever comes second finds it."""
    if OBJECTS not in os.environ or sys.platform == "win32":
        yield
        return
    import fcntl

    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def streams(audio_q15: np.ndarray, hop: int) -> np.ndarray:
    """(B, S) int16, the last hop filled with zeros. Raises StapesError for another dtype or no samples."""
    blocks = to_blocks(audio_q15, hop)
    return np.ascontiguousarray(blocks.transpose(1, 0, 2)).reshape(blocks.shape[1], -1)


def unpack_frames(frames: np.ndarray, tensors: Sequence[TracedTensor], graph: Graph) -> dict[str, np.ndarray]:
    """Traced bytes uint8 (B, T, bytes) -> tensor name -> (B, T, values)."""
    unpacked: dict[str, np.ndarray] = {}
    offset = 0
    for tensor in tensors:
        known = graph.tensors.get(tensor.name)
        dtype = DTYPES[known.dtype] if known else traced_dtype(tensor.name)
        raw = np.ascontiguousarray(frames[:, :, offset : offset + tensor.bytes])
        unpacked[tensor.name] = raw.view(dtype)
        offset += tensor.bytes
    return unpacked
