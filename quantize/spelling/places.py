"""What takes values from a list of places: Gather of many, Resize, Pad with a copy of what is there, Expand, Tile.

An example. A Pad by reflection of the bins 0 1 2 3 is the list 2 1 0 1 2 3 2 1. Two runs of equal steps make it up, 2 1 0 1 being
none: 2 1, 0 1 2 3, 2 1 are parts (Slice), which are joined (Concat).
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from .writing import Spelling, Writing

# More parts than this are a product with a matrix of ones and zeros instead.
MOST_PARTS = 24


def runs(places: np.ndarray) -> list[tuple[int, int, int]]:
    """A list of places as (first, count, step) of equal steps.

    >>> runs(np.array([2, 1, 0, 1, 2, 3, 2, 1]))
    [(2, 3, -1), (1, 3, 1), (2, 2, -1)]
    """
    found: list[tuple[int, int, int]] = []
    for place in np.asarray(places).tolist():
        first, count, step = found[-1] if found else (0, 0, 0)
        if count == 1 and place != first:
            found[-1] = (first, 2, place - first)
        elif count > 1 and place == first + count * step:
            found[-1] = (first, count + 1, step)
        else:
            found.append((place, 1, 1))
    return found


def take(w: Writing, value: str, axis: int, places: np.ndarray, out: str | None = None) -> str:
    """The values at a list of places along an axis."""
    shape, count = w.shape(value), len(places)
    repeats = count // shape[axis] if count % shape[axis] == 0 else 0
    made = (*shape[:axis], count, *shape[axis + 1 :])
    if repeats > 1 and np.array_equal(places, np.repeat(np.arange(shape[axis]), repeats)):
        longer = w.reshaped(value, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
        beside = (*shape[: axis + 1], repeats, *shape[axis + 1 :])
        return w.reshaped(w.add("Concat", [longer] * repeats, beside, axis=axis + 1), made, out)
    parts = runs(places)
    if len(parts) > MOST_PARTS:
        return along(w, value, axis, np.eye(shape[axis])[places], out)
    names = [_part(w, value, axis, *part, out if len(parts) == 1 else None) for part in parts]
    return names[0] if len(names) == 1 else w.add("Concat", names, made, out, axis=axis)


def _part(w: Writing, value: str, axis: int, first: int, count: int, step: int, out: str | None) -> str:
    shape = w.shape(value)
    end = first + count * step
    ends = [[first], [end if end >= 0 else -(2**31)], [axis], [step]]
    names = [w.number(label, np.array(n)) for label, n in zip(("starts", "ends", "axes", "steps"), ends, strict=True)]
    return w.add("Slice", [value, *names], (*shape[:axis], count, *shape[axis + 1 :]), out)


def along(w: Writing, value: str, axis: int, matrix: np.ndarray, out: str | None = None) -> str:
    """A matrix (outputs, inputs) times the values along an axis."""
    rank = len(w.shape(value))
    order = [*(other for other in range(rank) if other != axis), axis]
    last = w.transposed(value, order)
    product = w.add("MatMul", [last, w.number("matrix", matrix.T)], (*w.shape(last)[:-1], len(matrix)))
    return w.transposed(product, np.argsort(order).tolist(), out) if order != sorted(order) or out is None else w.add("Identity", [product], w.shape(product), out)  # fmt: skip


def _many(w: Writing, node: onnx.NodeProto) -> bool:
    places = w.given(node, 1)
    return places is not None and places.size > 1


def _write_gather(w: Writing, node: onnx.NodeProto) -> None:
    shape, places = w.shape(node.input[0]), w.given(node, 1)
    assert places is not None
    axis = w.attribute(node, "axis", 0) % len(shape)
    taken = take(w, node.input[0], axis, np.ravel(places) % shape[axis])
    w.reshaped(taken, w.shape(node.output[0]), node.output[0])


def _pad_amounts(w: Writing, node: onnx.NodeProto) -> np.ndarray | None:
    """Amounts (rank, 2) before and behind each axis."""
    rank, given = len(w.shape(node.input[0])), w.given(node, 1)
    if given is None:
        return None
    axes = w.given(node, 3)
    chosen = np.arange(rank) if axes is None else np.ravel(axes) % rank
    amounts = np.zeros((rank, 2), int)
    amounts[chosen] = np.asarray(given).reshape(2, -1).T
    return amounts


def _is_special_pad(w: Writing, node: onnx.NodeProto) -> bool:
    amounts, fill = _pad_amounts(w, node), w.given(node, 2)
    constant = w.attribute(node, "mode", "constant") == "constant"
    plain = constant and (fill is None or not np.any(fill)) and len(node.input) < 4
    return amounts is not None and (not plain or bool((amounts < 0).any()))


def _write_pad(w: Writing, node: onnx.NodeProto) -> None:
    amounts, fill, value = _pad_amounts(w, node), w.given(node, 2), node.input[0]
    assert amounts is not None
    mode = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}[w.attribute(node, "mode", "constant")]  # fmt: skip
    for axis, (before, after) in enumerate(amounts.tolist()):
        size = w.shape(value)[axis]
        if before < 0 or after < 0:
            value = take(w, value, axis, np.arange(max(-before, 0), size - max(-after, 0)))
            before, after, size = max(before, 0), max(after, 0), w.shape(value)[axis]
        if not before and not after:
            continue
        if mode != "constant":
            value = take(w, value, axis, np.pad(np.arange(size), (before, after), mode=mode))  # type: ignore[call-overload]
            continue
        shape, number = w.shape(value), 0.0 if fill is None else float(np.ravel(fill)[0])
        ends = [w.number("fill", np.full((*shape[:axis], n, *shape[axis + 1 :]), number)) for n in (before, after) if n]
        parts = [*ends[: int(before > 0)], value, *ends[int(before > 0) :]]
        value = w.add("Concat", parts, (*shape[:axis], before + size + after, *shape[axis + 1 :]), axis=axis)
    w.add("Identity", [value], w.shape(value), node.output[0])


def _pad_check(w: Writing, node: onnx.NodeProto) -> str | None:
    if w.attribute(node, "mode", "constant") not in ("constant", "reflect", "edge", "wrap"):
        return f"the mode {w.attribute(node, 'mode')!r} is unknown"
    variable = len(node.input) > 2 and node.input[2] and w.given(node, 2) is None
    return "the value must be a constant" if variable else None


def _write_resize(w: Writing, node: onnx.NodeProto) -> None:
    """Each axis for itself: what Resize makes of unit vectors says what it does to every value."""
    value = node.input[0]
    before, after = w.shape(value), w.shape(node.output[0])
    scales = w.given(node, 2)
    for axis, (size, made) in enumerate(zip(before, after, strict=True)):
        if size == made:
            continue
        scale = float(np.ravel(scales)[axis]) if scales is not None and scales.size == len(before) else None
        matrix = _resize_matrix(node, size, made, scale)
        places = matrix.argmax(axis=1)
        chosen = np.array_equal(matrix, np.eye(size)[places])
        value = take(w, value, axis, places) if chosen else along(w, value, axis, matrix)
    w.add("Identity", [value], after, node.output[0])


def _resize_matrix(node: onnx.NodeProto, size: int, made: int, scale: float | None) -> np.ndarray:
    """Matrix (made, size) of a Resize along one axis, by the definition that ONNX itself computes with."""
    kept = ("mode", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "antialias")
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name in kept}
    scales, sizes = ("scales", "") if scale is not None else ("", "sizes")
    resize = helper.make_node("Resize", ["x", "", scales, sizes] if sizes else ["x", "", scales], ["y"], **attributes)
    constant = (
        helper.make_tensor("scales", TensorProto.FLOAT, [2], [1.0, scale])
        if scale is not None
        else helper.make_tensor("sizes", TensorProto.INT64, [2], [size, made])
    )
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in ("x", "y")]
    graph = helper.make_graph([resize], "resize", info[:1], info[1:], [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (result,) = ReferenceEvaluator(model).run(None, {"x": np.eye(size, dtype=np.float32)})
    return np.asarray(result, np.float64).T


def _resize_check(w: Writing, node: onnx.NodeProto) -> str | None:
    if any(len(node.input) > index and node.input[index] and w.given(node, index) is None for index in (2, 3)):
        return "scales and sizes must be constants"
    if w.attribute(node, "coordinate_transformation_mode") == "tf_crop_and_resize":
        return "tf_crop_and_resize is not supported"
    return None


def _write_expand(w: Writing, node: onnx.NodeProto) -> None:
    ones = w.number("ones", np.ones(w.shape(node.output[0])))
    w.binary("Mul", node.input[0], ones, node.output[0])


def _write_tile(w: Writing, node: onnx.NodeProto) -> None:
    value, repeats = node.input[0], w.given(node, 1)
    assert repeats is not None
    for axis, count in enumerate(np.ravel(repeats).tolist()):
        if count > 1:
            value = take(w, value, axis, np.tile(np.arange(w.shape(value)[axis]), count))
    w.add("Identity", [value], w.shape(value), node.output[0])


def _constant_check(w: Writing, node: onnx.NodeProto) -> str | None:
    return "its second input must be a constant" if w.given(node, 1) is None else None


SPELLINGS = {
    "Gather": Spelling(_write_gather, _many),
    "Pad": Spelling(_write_pad, _is_special_pad, _pad_check),
    "Resize": Spelling(_write_resize, check=_resize_check),
    "Expand": Spelling(_write_expand, check=_constant_check),
    "Tile": Spelling(_write_tile, check=_constant_check),
}
