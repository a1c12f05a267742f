"""The bytes of a checkpoint as plain values and tensors: torch.save's archives and safetensors; other files are called by their names.

No code of a file is run, its checksums are looked at first, and no tensor is larger than what the file holds of it.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import Remark, StapesError
from .schema import parse_json

WRAPPERS = ("model_state_dict", "state_dict", "model", "net", "network", "generator")
# What DataParallel, torch.compile and the attribute of a Lightning module put in front of every name.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
# How the names of the networks' own tensors begin.
HEADS = ("gru.", "input_norm.", "narrow.", "fc1.", "fc2.", "erb.", "encoder.", "decoder.", "dpgrnn")
# What may be told of a network beside its weights; in a .safetensors file as JSON in its metadata.
SETTINGS = ("model_config", "stages", "front_end", "frame_samples", "sample_rate", "hop_samples")
# A description of a network has a few dozen values; a pickle can hold one that grows without end by naming itself again.
MOST_SETTINGS = 1000

_ONNX = "give it as a streaming ONNX model, in a file called .onnx"
_EXPORT = "export the network from its own code as a streaming ONNX file and give that"
_TORCH = "give a file that torch.save wrote, or a .safetensors file"
_AUDIO = "give the network's checkpoint here, and recordings with --calibration"
# What a file begins with, at which byte: what it is, and what to do.
_MAGIC = (
    (
        4,
        b"TFL3",
        "a TensorFlow Lite model",
        "call it .tflite if it is quantised, else give the float network that it was made from",
    ),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file of Keras", _EXPORT),
    (0, b"RIFF", "a recording", _AUDIO),
    (0, b"fLaC", "a recording", _AUDIO),
    (0, b"OggS", "a recording", _AUDIO),
    (0, b"ID3", "a recording", _AUDIO),
    (0, b"FORM", "a recording", _AUDIO),
    (0, b"\x93NUMPY", "an array of numpy", _TORCH),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it and give the checkpoint that it holds"),
    (0, b"BZh", "a bzip2 archive", "unpack it and give the checkpoint that it holds"),
    (0, b"\xfd7zXZ", "an xz archive", "unpack it and give the checkpoint that it holds"),
    (257, b"ustar", "a tar archive", "unpack it and give the checkpoint that it holds"),
    (0, b"GGUF", "a GGUF file", _EXPORT),
)
_LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def read(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, as saved; of a .safetensors file `model_state_dict`, and SETTINGS where its metadata has them.

    Raises StapesError that says what the file is and what to do: not a checkpoint, damaged, or one that would run code.
    """
    if path.is_dir():
        raise StapesError(f"{path}: no such file, this is a folder; give the checkpoint in it")
    if not path.is_file():
        raise StapesError(f"{path}: no such checkpoint file; check the path")
    if path.suffix.lower() == ".onnx":
        raise StapesError(f"{path}: an ONNX file, not a torch checkpoint; {_ONNX}")
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as error:
        raise StapesError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    if path.suffix.lower() == ".safetensors" or re.match(rb'.{6}\0\0\{"', head, re.DOTALL):
        return _read_safetensors(path)
    for place, magic, what, remedy in _MAGIC:
        if head[place : place + len(magic)] == magic:
            raise StapesError(f"{path}: {what}, not a torch checkpoint; {remedy}")
    if head.startswith(b"PK"):
        _check_archive(path)
    elif head[:1] == b"\x80" and not head.startswith(_LEGACY_TORCH):
        raise StapesError(f"{path}: a pickle, not a torch checkpoint; {_TORCH}")
    return _read_torch(path)


def _check_archive(path: Path) -> None:
    """Refuse a zip archive that torch.save did not write, or one whose checksums do not hold: torch looks at neither."""
    damaged = StapesError(f"{path}: not a torch checkpoint, or damaged; copy it again, or {_TORCH}")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            if {"config.json", "metadata.json"} <= names:
                raise StapesError(f"{path}: a model of Keras, not a torch checkpoint; {_EXPORT}")
            if names and all(name.endswith(".npy") for name in names):
                raise StapesError(f"{path}: arrays of numpy, not a torch checkpoint; {_TORCH}")
            tops = {name.partition("/")[2] for name in names}
            if "constants.pkl" in tops and any(name.startswith("code/") for name in tops):
                raise StapesError(
                    f"{path}: a TorchScript program, which is code, not a torch checkpoint; save only the weights: "
                    "torch.save(model.state_dict(), ...)"
                )
            if "data.pkl" not in tops:
                raise damaged
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise StapesError(f"{path}: its archive was compressed anew; save it again with torch.save")
            if (bad := archive.testzip()) is not None:
                raise StapesError(f"{path}: damaged, the checksum of {bad!r} in it does not hold; copy it again")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        raise damaged from None


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about formats of its own
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL ([A-Za-z_][\w.]*)|Unsupported (?:class|global) ([A-Za-z_][\w.]*)", str(error))
        if name is None:
            raise StapesError(f"{path}: not a torch checkpoint; {_TORCH}") from error
        raise StapesError(
            f"{path}: holds a pickled object ({name.group(1) or name.group(2)}) that would run code, refused; "
            "save only the weights: torch.save(model.state_dict(), ...)"
        ) from error
    except Exception as error:  # torch raises whatever its reader stumbles on in a damaged file
        raise StapesError(f"{path}: not a torch checkpoint, or damaged; {_TORCH}") from error
    if not isinstance(content, Mapping):
        raise StapesError(
            f"{path}: holds a {type(content).__name__}, not a checkpoint; save torch.save(model.state_dict(), ...)"
        )
    return dict(content)


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    remedy = "save it again with safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0][:120]
        raise StapesError(
            f"{path}: not a safetensors file, or damaged ({reason}); copy it again, or {remedy}"
        ) from None
    settings = {
        key: parse_json(metadata[key], f"{path}: metadata {key}", remedy) for key in SETTINGS if key in metadata
    }
    return {"model_state_dict": state, **settings}


def state_dict(path: Path | str, content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a checkpoint by the names of the network alone, dense and on the CPU; what was stripped is told in a warning.

    Raises StapesError: none found, a name that is no text, a tensor without values of its own.
    """
    inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    odd = [name for name, value in inner.items() if not isinstance(value, Tensor)]
    if not inner or odd:
        found = _name(odd[0]) if odd else "nothing"
        raise StapesError(
            f"{path}: no state dict found (it holds {found}); save {{'model_state_dict': ..., 'model_config': ...}}"
        )
    for name in inner:
        if not isinstance(name, str):
            raise StapesError(f"{path}: the tensor {_name(name)} has no text for a name; save the whole state dict")
    state = _without_prefixes(path, dict(inner))
    for name, value in state.items():
        _require_values(path, name, value)
    _require_own_memory(path, state)
    return state


def settings(path: Path | str, content: Mapping[str, Any]) -> dict[str, Any]:
    """SETTINGS of a checkpoint, as far as it has them; raises StapesError for values that are no plain ones."""
    left = [MOST_SETTINGS]
    found = {key: content[key] for key in SETTINGS if content.get(key) is not None}
    for key, value in found.items():
        _require_plain(path, key, value, left)
    return found


def _require_plain(path: Path | str, key: str, value: Any, left: list[int]) -> None:
    left[0] -= 1
    if left[0] < 0:
        raise StapesError(f"{path}: {key} holds more than {MOST_SETTINGS} values; save the checkpoint again")
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise StapesError(f"{path}: {key} has the key {_name(name)}, which is no text; save it with names")
            _require_plain(path, f"{key}.{name[:40]}", item, left)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_plain(path, key, item, left)
    elif not isinstance(value, str | int | float | bool | None):
        raise StapesError(f"{path}: {key} is a {type(value).__name__}; save a plain number or text there")


def _name(key: object) -> str:
    """A key of a dict in a few letters, whatever it is."""
    return repr(key)[:60] if isinstance(key, str | int | float | bytes) else f"of type {type(key).__name__}"


def _without_prefixes(path: Path | str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names as the network itself gives them; what a trainer holds beside the network (a loss, a window) is left out."""
    stripped, beside, inner = "", [], state
    while not any(name.startswith(HEADS) for name in inner):
        prefix = next((p for p in PREFIXES if any(name.startswith(p) for name in inner)), None)
        if prefix is None:
            break
        stripped += prefix
        beside += [name for name in inner if not name.startswith(prefix)]
        inner = {name[len(prefix) :]: value for name, value in inner.items() if name.startswith(prefix)}
    inner = {name.replace("._orig_mod.", "."): value for name, value in inner.items()}
    if inner.keys() != state.keys():
        what = f"{stripped!r}" if stripped else "'_orig_mod.'"
        others = (
            f"; not taken: {beside[0][:60]}{f' and {len(beside) - 1} more' if len(beside) > 1 else ''}"
            if beside
            else ""
        )
        warnings.warn(
            f"{path}: {what} left out of its tensors' names (DataParallel, torch.compile or Lightning wrote it){others}",
            Remark,
            stacklevel=4,
        )
    return inner


def _require_values(path: Path | str, name: str, value: Tensor) -> None:
    what = None
    if value.is_meta:
        what = "has no values (it is on the device 'meta')"
    elif value.layout is not torch.strided:
        what = "is sparse"
    elif value.is_quantized:
        what = "is quantised already"
    elif value.is_complex():
        what = "is complex"
    if what is not None:
        raise StapesError(f"{path}: tensor {name[:80]} {what}; save the dense float weights")


def _require_own_memory(path: Path | str, state: Mapping[str, Tensor]) -> None:
    """A tensor can be a view that repeats a few numbers without end; weights of a network are not."""
    wanted: dict[int, int] = {}
    for name, value in state.items():
        memory = value.untyped_storage()
        key = memory.data_ptr()
        wanted[key] = wanted.get(key, 0) + value.numel() * value.element_size()
        if wanted[key] > memory.nbytes():
            raise StapesError(
                f"{path}: tensor {name[:80]} repeats numbers of a smaller one; save value.clone() of each tensor"
            )


__all__ = ["SETTINGS", "read", "settings", "state_dict"]
