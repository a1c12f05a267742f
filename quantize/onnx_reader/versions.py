"""Versions of the format: what is too new is named, what is old is brought to the operators that lowering knows."""

from __future__ import annotations

import onnx
from onnx import version_converter

from ...models.errors import StapesError

# From here on axes and amounts are inputs of an operator, as lowering reads them.
OLDEST_OPSET = 13
# Older operators broadcast by an attribute, which no runtime knows any more.
OLDEST_CONVERTED = 7
ONNX = ("", "ai.onnx")
REMEDY = "export it with torch.onnx.export(..., opset_version=18)"


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that a model uses; 0 where it names none."""
    return max((entry.version for entry in model.opset_import if entry.domain in ONNX), default=0)


def require_known_versions(model: onnx.ModelProto, label: str) -> None:
    """Raise StapesError where a version is one that the installed onnx does not know."""
    newest = onnx.defs.onnx_opset_version()
    if model.ir_version > onnx.IR_VERSION:
        raise StapesError(
            f"{label}: written in version {model.ir_version} of the ONNX format, newer than {onnx.IR_VERSION}, "
            f"which is known here; {REMEDY}"
        )
    if opset_of(model) > newest:
        raise StapesError(f"{label}: opset {opset_of(model)} is newer than {newest}, which is known here; {REMEDY}")


def converted(model: onnx.ModelProto, label: str) -> onnx.ModelProto:
    """The model with operators of opset 13 or newer. Raises StapesError where they cannot be converted."""
    opset = opset_of(model)
    if opset >= OLDEST_OPSET:
        return model
    failure = StapesError(f"{label}: opset {opset} is too old; opset {OLDEST_OPSET} or newer is needed: {REMEDY}")
    if opset < OLDEST_CONVERTED:
        raise failure
    try:
        return version_converter.convert_version(model, OLDEST_OPSET)
    except Exception:
        raise failure from None
