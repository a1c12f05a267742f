"""One operator after the other, side by side in one graph: operator `NAME` reads `NAME/x`, ... and makes `NAME/y`, ...

Sizes are those at which loops go wrong: 1, odd ones, 65 and 257.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from stapes.quantize.graph import DTYPES, LIMITS, Graph, Operator, Tensor

WIDE = {"int8": "int32", "int16": "int64"}


@dataclass
class Cases:
    """Collects operators into one graph; every random choice comes from `rng`."""

    rng: np.random.Generator
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def quantisation(self, dtype: str, scale: float | None) -> tuple[np.ndarray, int]:
        real = scale or float(self.rng.uniform(0.3, 3.0)) / LIMITS[dtype][1]
        return np.array([real], np.float32), int(self.rng.integers(-20, 20)) if dtype == "int8" else 0

    def tensor(self, name: str, shape, dtype: str, scale: float | None = None, zero_point: int | None = None) -> str:
        real, offset = self.quantisation(dtype, scale)
        self.tensors[name] = Tensor(name, tuple(shape), dtype, real, offset if zero_point is None else zero_point)
        return name

    def input(self, name: str, shape, dtype: str, scale: float | None = None, zero_point: int | None = None) -> str:
        self.inputs.append(self.tensor(name, shape, dtype, scale, zero_point))
        return name

    def shape_constant(self, name: str, values) -> str:
        data = np.asarray(values, np.int32)
        self.tensors[name] = Tensor(name, data.shape, "int32", data=data)
        return name

    def add(self, kind: str, name: str, operands, results, **options) -> None:
        self.operators.append(Operator(kind, name, tuple(operands), tuple(results), options))
        self.outputs += results

    def weights(self, name: str, shape, x: str, channels: bool, wide: str, axis: int = 0) -> tuple[str, str]:
        """int8 weights over their whole range, the output channels along `axis`, and a bias that matters."""
        outputs = shape[axis]
        scale = self.rng.uniform(0.2, 2.0, outputs if channels else 1).astype(np.float32) / 127
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        axes = (axis, 0) if channels else (None, None)
        self.tensors[f"{name}/w"] = Tensor(f"{name}/w", tuple(shape), "int8", scale, 0, axes[0], data)
        bias_scale = scale * self.tensors[x].scale
        reach = 2**12 if wide == WIDE["int8"] else 2**20
        bias = self.rng.integers(-reach, reach, outputs).astype(wide)
        self.tensors[f"{name}/b"] = Tensor(f"{name}/b", (outputs,), wide, bias_scale, 0, axes[1], bias)
        return f"{name}/w", f"{name}/b"

    def graph(self) -> Graph:
        return Graph("cases", self.tensors, tuple(self.operators), tuple(self.inputs), tuple(self.outputs))


def _products(c: Cases, dtype: str) -> None:
    for index, (inputs, outputs, rows) in enumerate(
        [(1, 1, 1), (65, 3, 1), (257, 65, 1), (128, 7, 3), (31, 257, 1), (20, 12, 37)]
    ):
        name = f"fully_connected_{dtype}_{inputs}x{outputs}x{rows}"
        x = c.input(f"{name}/x", (rows, inputs), dtype)
        wide = "int32" if index == 3 else WIDE[dtype]
        names = c.weights(name, (outputs, inputs), x, channels=index % 2 == 0, wide=wide)
        y = c.tensor(f"{name}/y", (rows, outputs), dtype, 2.0 * np.sqrt(inputs) / LIMITS[dtype][1])
        operands = (x, names[0], "" if index == 4 else names[1])
        c.add("FULLY_CONNECTED", name, operands, [y], fused_activation_function="RELU" if index == 1 else "NONE")
    _mostly_zeros(c, dtype)
    convolutions = [
        # height, width, in, out, kernel, stride, dilation, padding, input channels of the kernel
        (1, 33, 16, 5, (1, 1), (1, 1), (1, 1), "VALID", 16),
        (3, 33, 4, 6, (3, 5), (1, 2), (1, 1), "SAME", 4),
        (5, 17, 6, 4, (2, 3), (1, 1), (2, 3), "VALID", 3),
        (7, 9, 1, 3, (3, 3), (2, 2), (1, 1), "SAME", 1),
        (4, 6, 8, 8, (1, 1), (2, 1), (1, 1), "VALID", 8),
        (1, 41, 9, 8, (1, 5), (1, 2), (1, 1), "SAME", 9),
        (2, 45, 8, 16, (1, 5), (1, 2), (1, 2), "SAME", 4),
        (9, 6, 40, 10, (5, 1), (1, 1), (2, 1), "VALID", 20),
        (6, 5, 32, 4, (3, 1), (2, 1), (1, 1), "SAME", 32),
    ]
    for index, (h, w, i, o, kernel, stride, dilation, padding, depth) in enumerate(convolutions):
        name = f"conv_2d_{dtype}_{index}"
        x = c.input(f"{name}/x", (1, h, w, i), dtype)
        names = c.weights(name, (o, *kernel, depth), x, channels=index != 2, wide=WIDE[dtype])
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        rest = (0, 0) if padding == "SAME" else (reach[0] - 1, reach[1] - 1)
        out = [-(-(n - r) // s) for n, r, s in zip((h, w), rest, stride, strict=True)]
        y = c.tensor(f"{name}/y", (1, *out, o), dtype, 2.0 * np.sqrt(depth * 9) / LIMITS[dtype][1])
        c.add("CONV_2D", name, (x, *names), [y], padding=padding, stride_h=stride[0], stride_w=stride[1],
              dilation_h_factor=dilation[0], dilation_w_factor=dilation[1],
              fused_activation_function="RELU" if index == 1 else "NONE")  # fmt: skip


def _mostly_zeros(c: Cases, dtype: str) -> None:
    """Matrices with many zeros: triangles along the diagonal, equal blocks, groups by chance, rows without any weight."""
    rows, columns = np.mgrid[:66, :3000]
    chance = np.kron(np.random.default_rng(5).random((17, 750)) < 0.5, np.ones((4, 4), bool))[:66]
    cases = {
        # rows, columns, mask
        "bank": (64, 192, np.abs(columns - 3 * rows) < 4),
        "blocks": (64, 192, rows // 8 == columns // 24),
        "nothing": (64, 192, rows < 0),
        "sparse": (66, 193, chance),
        "sparse_shifted": (66, 193, chance),
        # In int8 its sums leave the 23 bits of a pair of rows.
        "sparse_long": (6, 2600 if dtype == "int8" else 700, chance),
    }
    for kind, (outputs, inputs, mask) in cases.items():
        name = f"fully_connected_{dtype}_{kind}"
        x = c.input(f"{name}/x", (3, inputs), dtype)
        names = c.weights(name, (outputs, inputs), x, channels=kind != "blocks", wide=WIDE[dtype])
        weights = c.tensors[names[0]]
        assert weights.data is not None
        kept = np.where(mask[:outputs, :inputs], weights.data, np.int8(0))
        c.tensors[names[0]] = replace(weights, data=kept)
        if kind == "sparse_shifted":
            # A row without any effect, whose shift only portable C takes.
            for part in names:
                scale = c.tensors[part].scale
                assert scale is not None
                faint = np.where(np.arange(outputs) == 5, np.float32(2.0**-20), np.float32(1)) * scale
                c.tensors[part] = replace(c.tensors[part], scale=faint)
        y = c.tensor(f"{name}/y", (3, outputs), dtype, 0.5 * np.sqrt(inputs) / LIMITS[dtype][1])
        c.add("FULLY_CONNECTED", name, (x, *names), [y])


def _depthwise(c: Cases, dtype: str) -> None:
    cases = [
        # height, width, channels, kernel, stride, dilation, padding
        (3, 33, 16, (3, 3), (1, 1), (1, 1), "VALID"),
        (5, 17, 7, (2, 3), (1, 2), (2, 3), "VALID"),
        (7, 9, 1, (3, 5), (2, 2), (1, 1), "SAME"),
        (2, 12, 6, (3, 3), (1, 1), (1, 2), "SAME"),
    ]
    for index, (h, w, channels, kernel, stride, dilation, padding) in enumerate(cases):
        name = f"depthwise_conv_2d_{dtype}_{index}"
        x = c.input(f"{name}/x", (1, h, w, channels), dtype)
        names = c.weights(name, (1, *kernel, channels), x, channels=index != 2, wide=WIDE[dtype], axis=3)
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        rest = (0, 0) if padding == "SAME" else (reach[0] - 1, reach[1] - 1)
        out = [-(-(n - r) // s) for n, r, s in zip((h, w), rest, stride, strict=True)]
        y = c.tensor(f"{name}/y", (1, *out, channels), dtype, 5.0 / LIMITS[dtype][1])
        c.add("DEPTHWISE_CONV_2D", name, (x, *names), [y], padding=padding, stride_h=stride[0], stride_w=stride[1],
              dilation_h_factor=dilation[0], dilation_w_factor=dilation[1], depth_multiplier=1,
              fused_activation_function="RELU" if index == 1 else "NONE")  # fmt: skip


def _two_operands(c: Cases, dtype: str) -> None:
    shapes = [((1, 1), (1, 1)), ((1, 65), (1, 65)), ((1, 257), (1, 1)), ((1, 1), (1, 31)), ((3, 1, 5), (1, 4, 1)),
              ((2, 3, 2, 5), (1, 3, 1, 5)), ((7,), (2, 7)), ((3, 33), (33,))]  # fmt: skip
    for kind in ("ADD", "SUB", "MUL"):
        for index, (first, second) in enumerate(shapes):
            name = f"{kind.lower()}_{dtype}_{index}"
            a, b = c.input(f"{name}/a", first, dtype), c.input(f"{name}/b", second, dtype)
            scales = [float(c.tensors[t].scale[0]) for t in (a, b)]
            scale = max(scales) * 1.3 if kind != "MUL" else scales[0] * scales[1] * LIMITS[dtype][1] / 1.7
            y = c.tensor(f"{name}/y", np.broadcast_shapes(first, second), dtype, scale)
            c.add(kind, name, (a, b), [y], fused_activation_function="RELU" if index == 1 else "NONE")
    name = f"mul_{dtype}_by_constant"
    gamma = c.rng.integers(-128, 128, (1, 65)).astype(DTYPES[dtype])
    c.tensors[f"{name}/g"] = Tensor(f"{name}/g", (1, 65), dtype, np.array([0.01], np.float32), 0, None, gamma)
    x = c.input(f"{name}/x", (1, 65), dtype, 0.02)
    c.add("MUL", name, (x, f"{name}/g"), [c.tensor(f"{name}/y", (1, 65), dtype, 0.021)])


def _one_operand(c: Cases, dtype: str) -> None:
    sizes = (1, 65, 257)
    scales = {"int8": (2.0**-5, 0.047, 0.3), "int16": (2.0**-12, 2.0**-11, 0.00071)}[dtype]
    for kind, made in (("LOGISTIC", (2.0**-8, -128)), ("TANH", (2.0**-7, 0))):
        made = made if dtype == "int8" else (2.0**-15, 0)
        for size, scale in zip(sizes, scales, strict=True):
            name = f"{kind.lower()}_{dtype}_{size}"
            x = c.input(f"{name}/x", (1, size), dtype, scale)
            c.add(kind, name, (x,), [c.tensor(f"{name}/y", (1, size), dtype, *made)])
    slopes = {1: 1.7, 65: 0.1, 257: -0.5}
    for size in sizes:
        for kind, options in (("RELU", {}), ("LEAKY_RELU", {"alpha": slopes[size]}), ("ABS", {})):
            name = f"{kind.lower()}_{dtype}_{size}"
            x = c.input(f"{name}/x", (1, size), dtype, 0.01)
            c.add(kind, name, (x,), [c.tensor(f"{name}/y", (1, size), dtype, 0.01 if size == 65 else 0.013)], **options)


def _ties(c: Cases, dtype: str) -> None:
    """Half of an odd number, falling: the sign follows the rounding."""
    name = f"leaky_relu_{dtype}_falling"
    x = c.input(f"{name}/x", (1, 65), dtype, 0.01, 0)
    c.add("LEAKY_RELU", name, (x,), [c.tensor(f"{name}/y", (1, 65), dtype, 0.01, 0)], alpha=-0.5)


def _quantize(c: Cases) -> None:
    pairs = [("int8", "int8"), ("int8", "int16"), ("int8", "int32"), ("int16", "int8"), ("int16", "int16"),
             ("int16", "int32"), ("int32", "int8"), ("int32", "int16")]  # fmt: skip
    scales = {"int8": 0.02, "int16": 0.0001, "int32": 0.000001}
    for index, (given, made) in enumerate(pairs):
        name = f"quantize_{given}_{made}"
        x = c.input(f"{name}/x", (1, 31 + index), given, scales[given], 0 if given == "int32" else None)
        y = c.tensor(f"{name}/y", (1, 31 + index), made, 1.7 * scales[made], 0 if made == "int32" else None)
        c.add("QUANTIZE", name, (x,), [y])


def _mean(c: Cases, dtype: str) -> None:
    cases = [((1, 65), (1,), True), ((1, 257), (-1,), False), ((1, 5, 7, 3), (1, 2), True), ((2, 1, 3, 4), (0, 1), False),
             ((3, 4), (0,), True), ((4, 1), (1,), True)]  # fmt: skip
    for index, (shape, axes, keep) in enumerate(cases):
        name = f"mean_{dtype}_{index}"
        x = c.input(f"{name}/x", shape, dtype, 0.01)
        chosen = {axis % len(shape) for axis in axes}
        out = [1 if i in chosen else n for i, n in enumerate(shape) if keep or i not in chosen]
        y = c.tensor(f"{name}/y", out, dtype, 0.01 if index == 0 else 0.004, None)
        axes_name = c.shape_constant(f"{name}/axes", list(axes))
        c.add("MEAN", name, (x, axes_name), [y], keep_dims=keep)


def _max_pool(c: Cases, dtype: str) -> None:
    cases = [((1, 1, 9, 1), (1, 3), (1, 2)), ((1, 6, 5, 3), (2, 2), (3, 1)), ((1, 2, 65, 1), (1, 65), (1, 1))]
    for index, (shape, kernel, stride) in enumerate(cases):
        name = f"max_pool_{dtype}_{index}"
        x = c.input(f"{name}/x", shape, dtype, 0.01, 3 if dtype == "int8" else 0)
        out = [(n - k) // s + 1 for n, k, s in zip(shape[1:3], kernel, stride, strict=True)]
        y = c.tensor(f"{name}/y", (1, *out, shape[3]), dtype, 0.01, 3 if dtype == "int8" else 0)
        names = ("filter_height", "filter_width", "stride_h", "stride_w")
        c.add("MAX_POOL_2D", name, (x,), [y], padding="VALID", **dict(zip(names, (*kernel, *stride), strict=True)))


def _gather(c: Cases) -> None:
    """Tables of all codes of int8, and of the upper halves of those of int16."""
    for dtype, size, scale, zero_point in (("int8", 256, 0.01, 118), ("int16", 257, 0.00002 * 256, 128)):
        name = f"gather_{dtype}"
        x = c.input(f"{name}/x", (3, 43), dtype, 0.01 if dtype == "int8" else 0.00002, -10 if dtype == "int8" else 0)
        places = c.tensor(f"{name}/places", (3, 43), "int32", scale, zero_point)
        c.add("QUANTIZE", f"{name}/places", (x,), [places])
        table = c.rng.integers(-128, 128, size).astype(np.int8)
        c.tensors[f"{name}/table"] = Tensor(
            f"{name}/table", (size,), "int8", np.array([0.5], np.float32), 7, None, table
        )
        c.add("GATHER", name, (f"{name}/table", places), [c.tensor(f"{name}/y", (3, 43), "int8", 0.5, 7)], axis=0)


def _copies(c: Cases, dtype: str) -> None:
    same = (0.01, 0)

    def copy(kind: str, name: str, shape, out, constants, **options) -> None:
        name = f"{name}_{dtype}"
        x = c.input(f"{name}/x", shape, dtype, *same)
        names = [c.shape_constant(f"{name}/{i}", values) for i, values in enumerate(constants)]
        c.add(kind, name, (x, *names), [c.tensor(f"{name}/y", out, dtype, *same)], **options)

    copy("TRANSPOSE", "transpose_2d", (5, 65), (65, 5), [[1, 0]])
    copy("TRANSPOSE", "transpose_5d", (2, 1, 3, 4, 5), (5, 3, 1, 2, 4), [[4, 2, 1, 0, 3]])
    copy("RESHAPE", "reshape", (1, 6, 11), (66, 1), [[66, 1]])
    copy("SLICE", "slice", (3, 65, 2), (2, 33, 1), [[1, 5, 1], [2, 33, -1]])
    copy("STRIDED_SLICE", "strided_slice", (3, 65), (2, 22), [[0, 1], [3, 65], [2, 3]], begin_mask=1)
    copy("STRIDED_SLICE", "reversed", (4, 9), (3,), [[1, 8], [2, 0], [1, -3]], shrink_axis_mask=1)
    copy("PAD", "pad", (2, 31), (5, 33), [[[1, 2], [0, 2]]])
    name = f"split_{dtype}"
    x, axis = c.input(f"{name}/x", (2, 9, 3), dtype, *same), c.shape_constant(f"{name}/axis", 1)
    parts = [c.tensor(f"{name}/y{part}", (2, 3, 3), dtype, *same) for part in range(3)]
    c.add("SPLIT", name, (axis, x), parts, num_splits=3)
    for axis_value, shapes, out in (
        (1, [(2, 1, 5), (2, 7, 5), (2, 2, 5)], (2, 10, 5)),
        (-1, [(3, 2), (3, 65)], (3, 67)),
    ):
        name = f"concatenation_{len(shapes)}_{dtype}"
        parts = [c.input(f"{name}/x{i}", shape, dtype, *same) for i, shape in enumerate(shapes)]
        c.add("CONCATENATION", name, parts, [c.tensor(f"{name}/y", out, dtype, *same)], axis=axis_value)


def operator_cases(seed: int = 0) -> Graph:
    """All cases in one graph without states."""
    c = Cases(np.random.default_rng(seed))
    for dtype in ("int8", "int16"):
        _products(c, dtype)
        _depthwise(c, dtype)
        _two_operands(c, dtype)
        _one_operand(c, dtype)
        _ties(c, dtype)
        _mean(c, dtype)
        _max_pool(c, dtype)
        _copies(c, dtype)
    _quantize(c)
    _gather(c)
    for matrices, rows, columns, depth in ((), 1, 1, 65), ((), 3, 2, 33), ((8,), 1, 1, 31):
        name = f"batch_matmul_{depth}"
        a = c.input(f"{name}/a", (*matrices, rows, depth), "int16")
        b = c.input(f"{name}/b", (*matrices, columns, depth), "int16")
        y = c.tensor(f"{name}/y", (*matrices, rows, columns), "int16", 2.0 * np.sqrt(depth) / 2**15)
        c.add("BATCH_MATMUL", name, (a, b), [y], adj_x=False, adj_y=True)
    return c.graph()


def frames(graph: Graph, count: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Inputs: all smallest, all largest, both in turn, all zero points, then noise of every level."""
    rng = np.random.default_rng(seed)

    def values(name: str, frame: int) -> np.ndarray:
        tensor = graph.tensors[name]
        low, high = tensor.limits
        if frame < 4:
            turn = np.arange(tensor.size) % 2 == 0
            chosen = (low, high, np.where(turn, low, high), tensor.zero_point)[frame]
            return np.broadcast_to(chosen, tensor.size).reshape(tensor.shape)
        level = 2.0 ** -rng.uniform(0, 6) * (high - low)
        return np.clip(np.round(rng.normal(tensor.zero_point, level, tensor.shape)), low, high).astype(np.int64)

    return [{name: values(name, frame) for name in graph.inputs} for frame in range(count)]
