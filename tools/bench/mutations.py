"""Hostile files by chance: a sound checkpoint, ONNX file, bundle, recipe, wav or .tflite, with one to three things changed.

Changes are made where a reader would look: inside the members of an archive (whose checksums are then right again), in the
fields of a message, in the values of a table, in a header. The same generator gives the same file.
"""

from __future__ import annotations

import io
import json
import struct
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tomli_w
from google.protobuf.message import Message

from ..bundle import LOCK, MANIFEST, SEALED, canonical_json, sha256
from .tflite_file import packed, unpacked

Rng = np.random.Generator
INTEGERS = (0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63))
NUMBERS = (0.0, -0.0, 1e-45, 1e-9, -1.0, 0.5, 1e9, 3.4e38, 1e308, float("inf"), float("-inf"), float("nan"))
TEXTS = (
    *("", " ", "a\nb", "a*/ int planted; /*", "??/", '"', "$(touch planted)", "#{x}", "../../planted", "/dev/full"),
    *("\x1b[31mred", "\u202egnp.exe", "nul\x00byte", "while", "stdint", "audio_features", "x" * 10_000, "{{ 1 }}"),
    *("int8", "int16", "features", "mask", "h0", "complex", "log", "1e9", "-1", "true", "[red]"),
)


def changed_bytes(data: bytes, rng: Rng) -> bytes:
    """One edit of raw bytes: a bit, a number of 4 bytes, a piece cut out, doubled, emptied, or the end cut off."""
    if not data:
        return bytes(rng.integers(0, 256, int(rng.integers(0, 9)), dtype=np.uint8))
    edited = bytearray(data)
    at = int(rng.integers(len(edited)))
    length = int(rng.integers(1, 65))
    match int(rng.integers(7)):
        case 0:
            edited[at] ^= 1 << int(rng.integers(8))
        case 1:
            edited[at] = int(rng.integers(256))
        case 2:
            edited[at : at + 4] = struct.pack("<q", chosen(INTEGERS, rng))[:4]
        case 3:
            del edited[at : at + length]
        case 4:
            edited[at:at] = edited[at : at + length]
        case 5:
            edited[at : at + length] = bytes(len(edited[at : at + length]))
        case _:
            del edited[at:]
    return bytes(edited)


def chosen(values: tuple[Any, ...] | list[Any], rng: Rng) -> Any:
    return values[int(rng.integers(len(values)))]


def odd_value(rng: Rng, deep: bool = True) -> Any:
    """A value that a reader may not expect: of any type that JSON and TOML share."""
    kind = int(rng.integers(6 if deep else 4))
    if kind == 0:
        return chosen(INTEGERS, rng)
    if kind == 1:
        return chosen(NUMBERS, rng)
    if kind == 2:
        return chosen(TEXTS, rng)
    if kind == 3:
        return bool(rng.integers(2))
    inner = [odd_value(rng, deep=False) for _ in range(int(rng.integers(4)))]
    return inner if kind == 4 else {chosen(TEXTS, rng): value for value in inner}


def changed_tree(tree: Any, rng: Rng) -> Any:
    """A tree of tables and lists with one value changed, taken out, doubled or put under another key."""
    places = list(_places(tree))
    if not places:
        return odd_value(rng)
    holder, key = chosen(places, rng)
    match int(rng.integers(5)):
        case 0 | 1:
            holder[key] = odd_value(rng)
        case 2:
            del holder[key]
        case 3 if isinstance(holder, dict):
            holder[chosen(TEXTS, rng)] = holder.pop(key)
        case 3:
            holder.insert(key, holder[key])
        case _:
            other, at = chosen(places, rng)
            holder[key] = json.loads(json.dumps(other[at])) if _is_there(other, at) else None or 0
    return tree


def _is_there(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every (table or list, key) of a tree."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(entries):
        yield tree, key
        yield from _places(value)


def changed_archive(data: bytes, rng: Rng, change: Callable[[str, bytes, Rng], bytes]) -> bytes:
    """A zip archive with one member changed, its checksum right again; sometimes taken out, renamed or doubled."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = [(info.filename, source.read(info)) for info in source.infolist()]
    index = int(rng.integers(len(members)))
    name, content = members[index]
    match int(rng.integers(10)):
        case 0:
            del members[index]
        case 1:
            members[index] = (chosen(TEXTS, rng) or "x", content)
        case 2:
            members.insert(index, (name, changed_bytes(content, rng)))
        case _:
            members[index] = (name, change(name, content, rng))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's word on a name that stands there twice: it is meant to
        for name, content in members:
            info = zipfile.ZipInfo(name.replace("\x00", ""))  # a fixed date
            target.writestr(info, content)
    return buffer.getvalue()


def changed_message(message: Message, rng: Rng) -> None:
    """One field, anywhere in a protobuf message, changed, emptied, doubled or filled."""
    while True:
        fields = [field for field in message.DESCRIPTOR.fields if field.name not in ("doc_string",)]
        present = [field for field, _ in message.ListFields()]
        field = chosen(present, rng) if present and rng.random() < 0.9 else chosen(fields, rng)
        value = getattr(message, field.name)
        if field.type == field.TYPE_MESSAGE:
            below = list(value) if field.is_repeated else [value]
            if below and rng.random() < 0.8:
                message = chosen(below, rng)
                continue
            _change_messages(message, field, value, rng)
            return
        if field.is_repeated:
            _change_values(value, field, rng)
        elif rng.random() < 0.2:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, _scalar(field, value, rng))
        return


def _change_messages(message: Message, field: Any, value: Any, rng: Rng) -> None:
    if not field.is_repeated:
        message.ClearField(field.name)
    elif not len(value):
        value.add()
    elif rng.random() < 0.5:
        del value[int(rng.integers(len(value)))]
    else:
        value.add().CopyFrom(chosen(list(value), rng))


def _change_values(value: Any, field: Any, rng: Rng) -> None:
    if len(value) and rng.random() < 0.3:
        del value[int(rng.integers(len(value)))]
    elif len(value) and rng.random() < 0.7:
        at = int(rng.integers(len(value)))
        value[at] = _scalar(field, value[at], rng)
    else:
        value.append(_scalar(field, field.default_value or None, rng))


def _scalar(field: Any, value: Any, rng: Rng) -> Any:
    """Another value that the field's type holds."""
    if field.cpp_type == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            return changed_bytes(value or b"", rng)
        return chosen(TEXTS, rng)
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return chosen(NUMBERS, rng)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return not value
    if field.cpp_type == field.CPPTYPE_ENUM:
        return chosen([entry.number for entry in field.enum_type.values], rng)
    bits = 31 if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 63
    unsigned = field.cpp_type in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64)
    number = chosen(INTEGERS, rng)
    return min(max(number, 0 if unsigned else -(2**bits)), 2**bits - 1)


def changed_checkpoint(data: bytes, rng: Rng) -> bytes:
    if rng.random() < 0.2:
        return changed_bytes(data, rng)
    return changed_archive(data, rng, lambda name, content, rng: changed_bytes(content, rng))


def changed_onnx(data: bytes, rng: Rng) -> bytes:
    if rng.random() < 0.15:
        return changed_bytes(data, rng)
    model = onnx.ModelProto.FromString(data)
    for _ in range(int(rng.integers(1, 4))):
        changed_message(model, rng)
    result: bytes = model.SerializeToString()
    return result


def changed_recipe(data: bytes, rng: Rng) -> bytes:
    """By its text, or by its values."""
    if rng.random() < 0.3:
        return changed_bytes(data, rng)
    document = tomllib.loads(data.decode())
    for _ in range(int(rng.integers(1, 4))):
        document = changed_tree(document, rng)
    try:
        return tomli_w.dumps(document).encode()
    except (TypeError, AttributeError, ValueError):  # a tree that TOML cannot hold
        return changed_bytes(data, rng)


def changed_wav(data: bytes, rng: Rng) -> bytes:
    """Mostly in the header of 44 bytes, where the sizes stand."""
    if rng.random() < 0.3:
        return changed_bytes(data, rng)
    return changed_bytes(data[:44], rng) + data[44:]


def changed_json(data: bytes, rng: Rng) -> bytes:
    if rng.random() < 0.2:
        return changed_bytes(data, rng)
    return json.dumps(changed_tree(json.loads(data), rng)).encode()


def changed_npz(data: bytes, rng: Rng) -> bytes:
    return changed_archive(data, rng, lambda name, content, rng: changed_bytes(content[:128], rng) + content[128:])


def changed_flatbuffer(data: bytes, rng: Rng) -> bytes:
    """Mostly offsets and sizes; weights fill most of the file and are only numbers."""
    at = int(rng.integers(0, max(1, len(data) // 4))) * 4
    if rng.random() < 0.5:
        return data[:at] + struct.pack("<q", chosen(INTEGERS, rng))[:4] + data[at + 4 :]
    return changed_bytes(data, rng)


def changed_tflite(data: bytes, rng: Rng) -> bytes:
    """By its bytes, or one to three fields of its tables changed and all of it packed again."""
    if rng.random() < 0.4:
        return changed_flatbuffer(data, rng)
    model = unpacked(data)
    for _ in range(int(rng.integers(1, 4))):
        _change_table(model, rng)
    try:
        return packed(model)
    except Exception:  # what the generated code says of a table that no file can hold
        return changed_flatbuffer(data, rng)


def _change_table(model: Any, rng: Rng) -> None:
    """One field of a table: of the model, or mostly of a tensor, an operator, a format or an option table."""
    graph = chosen(list(model.subgraphs), rng)
    tables = [model, graph, *graph.tensors, *graph.operators, *model.operatorCodes, *model.buffers]
    tables += [tensor.quantization for tensor in graph.tensors if tensor.quantization is not None]
    tables += [op.builtinOptions for op in graph.operators if op.builtinOptions is not None]
    table = chosen([table for table in tables if vars(table)], rng)
    name = chosen(sorted(vars(table)), rng)
    setattr(table, name, _changed_field(getattr(table, name), rng))


def _changed_field(value: Any, rng: Rng) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, str | bytes):
        return chosen(TEXTS, rng)
    if isinstance(value, list | np.ndarray):
        values = list(value)
        at = int(rng.integers(len(values))) if values else 0
        if not values or rng.random() < 0.2:
            return [*values, chosen(INTEGERS, rng)]
        if rng.random() < 0.2:
            return values[:at] + values[at + 1 :]
        first = values[0]
        odd = chosen(NUMBERS if isinstance(first, float | np.floating) else INTEGERS, rng)
        return [
            *values[:at],
            odd if isinstance(first, int | float | np.generic) else chosen(values, rng),
            *values[at + 1 :],
        ]
    if isinstance(value, float):
        return chosen(NUMBERS, rng)
    return chosen(INTEGERS, rng) if isinstance(value, int) else None


BY_FILE: dict[str, Callable[[bytes, Rng], bytes]] = {
    "model.tflite": changed_flatbuffer,
    "float.onnx": changed_onnx,
    "recipe.toml": changed_recipe,
    "vectors.npz": changed_npz,
    MANIFEST: changed_json,
    LOCK: changed_json,
}


def change_bundle(folder: Path, rng: Rng) -> None:
    """Change one file of a bundle and seal it again, as whoever sends a bundle can."""
    name = chosen(list(BY_FILE), rng)
    path = folder / name
    before = path.read_bytes() if path.is_file() else b"{}"
    path.write_bytes(BY_FILE[name](before, rng))
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"] = manifest.get("files", {}) | {file: sha256((folder / file).read_bytes()) for file in SEALED}
        manifest.pop("bundle_sha256", None)
        manifest["bundle_sha256"] = sha256(canonical_json(manifest))
        (folder / MANIFEST).write_bytes(canonical_json(manifest))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return  # no table any more: there is nothing to seal
