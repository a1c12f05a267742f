"""An ONNX file as one model: parsed, its outside data taken in, its values float32."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from google.protobuf.message import Message
from onnx import TensorProto
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_tensor, uses_external_data

from ...models.errors import Remark, StapesError
from ...models.text import first_line
from .shapes import fix_batch
from .states import STATES_KEY, given_pairs
from .types import as_float32
from .versions import require_known_versions

# Far above what fits beside a hearing aid's processor, far below what a hostile file would like to allocate.
MOST_BYTES = 2**29
AGAIN = "export it again with torch.onnx.export"


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """A model that stands for itself, and the bytes that say so: the file's own, unless something had to be changed.

    `whole` are the bytes of the file with its outside data taken in, the same wherever the data stood.
    """

    model: onnx.ModelProto
    content: bytes
    whole: bytes


def load_onnx(path: str | Path) -> OnnxFile:
    """The model in a file, of whatever kind; raises StapesError when it is not ONNX, or not all of it is there."""
    path = Path(path)
    if not path.is_file():
        raise StapesError(f"{path}: no such file; give a streaming ONNX model")
    return parse_onnx(path.read_bytes(), path)


def parse_onnx(content: bytes, path: Path) -> OnnxFile:
    """The model in the bytes of the file at `path`, beside which its data may stand; raises StapesError as `load_onnx`."""
    if content[4:8] == b"TFL3":
        raise StapesError(
            f"{path}: a TensorFlow Lite model, not ONNX; call it .tflite if it is quantised, else {AGAIN}"
        )
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise StapesError(f"{path}: not a readable ONNX model ({first_line(error)}); {AGAIN}") from None
    return _one_model(model, content, path)


def onnx_of(given: onnx.ModelProto, label: str) -> OnnxFile:
    """A model in memory as if it had been read from a file, the model itself left as it is; `label` names it in errors.

    Raises StapesError as `load_onnx`; data beside it is looked for in the working directory.
    """
    model = onnx.ModelProto()
    model.CopyFrom(given)
    return _one_model(model, model.SerializeToString(deterministic=True), Path(label))


def _one_model(model: onnx.ModelProto, content: bytes, path: Path) -> OnnxFile:
    require_known_versions(model, str(path))
    if _take_in(model, path):
        content = model.SerializeToString(deterministic=True)
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        raise StapesError(f"{path}: not a readable ONNX model ({first_line(error)}); {AGAIN}") from None
    whole, notes = content, [*fix_batch(model), *as_float32(model)]
    for note in notes:
        warnings.warn(f"{path}: {note}", Remark, stacklevel=3)
    if notes:
        content = model.SerializeToString(deterministic=True)
    return OnnxFile(model, content, whole)


def with_states(file: OnnxFile, pairs: Sequence[str]) -> OnnxFile:
    """The file with its states named in its metadata, `IN=OUT` each; whether they fit is for `check_model` to say.

    Raises StapesError for a pair that is not written so.
    """
    named = [[state.input, state.output] for state in given_pairs(pairs)]
    model = onnx.ModelProto()
    model.CopyFrom(file.model)
    kept = [entry for entry in file.model.metadata_props if entry.key != STATES_KEY]
    model.ClearField("metadata_props")
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=STATES_KEY, value=json.dumps(named))
    return replace(file, model=model, content=model.SerializeToString(deterministic=True))


def _take_in(model: onnx.ModelProto, path: Path) -> bool:
    """Read the tensors that stand in other files; whether there were any."""
    outside = [tensor for tensor in _tensors(model) if uses_external_data(tensor)]
    total = 0
    for tensor in outside:
        total += _claimed_bytes(tensor, path)
        if total > MOST_BYTES:
            raise StapesError(f"{path}: more than {MOST_BYTES >> 20} MB of weights; give a network for a small device")
        try:
            load_external_data_for_tensor(tensor, str(path.parent))
            tensor.ClearField("data_location")
        except Exception as error:
            location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
            raise StapesError(
                f"{path}: the weights {tensor.name!r} should stand in {location!r} beside it, and cannot be read there "
                f"({_reason(error, path.parent / location)}); copy that file beside the .onnx, "
                "or save the model in one file: onnx.save(onnx.load(FILE), NEW)"
            ) from None
    return bool(outside)


def _claimed_bytes(tensor: TensorProto, path: Path) -> int:
    """How many bytes the shape of a tensor needs, which is also how many are read. Raises StapesError where the file says another number."""
    try:
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about keys of external data that onnx does not know
            claimed = ExternalDataInfo(tensor).length
    except (ValueError, TypeError, KeyError):
        raise StapesError(
            f"{path}: where the weights {tensor.name!r} stand is not written as a number; {AGAIN}"
        ) from None
    needed = math.prod(tensor.dims) * itemsize
    if min(tensor.dims, default=1) < 0 or (claimed is not None and claimed != needed):
        raise StapesError(
            f"{path}: the weights {tensor.name!r} of shape {tuple(tensor.dims)} need {needed} bytes, "
            f"the file gives {claimed} bytes for them; {AGAIN}"
        )
    if claimed is None:
        tensor.external_data.add(key="length", value=str(needed))
    return int(needed)


def _reason(error: Exception, place: Path) -> str:
    """Why a data file cannot be read, without the inside of a library."""
    if place.is_symlink():
        return "it is a link"
    if not place.exists():
        return "no such file"
    if not place.is_file():
        return "it is not a plain file"
    return first_line(error)


def _tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor of a model: initialisers, attributes, those of subgraphs and functions."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if isinstance(value, (list, tuple)) or hasattr(value, "add") else (value,):
                yield from _tensors(item)
