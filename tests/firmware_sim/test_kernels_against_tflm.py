"""Every numpy kernel gives the bits of TFLite Micro: no mismatch in at least 200,000 random values each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from stapes.firmware_sim.kernels import operators, run
from stapes.models.errors import StapesError
from stapes.quantize.graph import Graph, Tensor
from stapes.quantize.prepare import prepare

from tests.firmware_sim.tflm import Random, constant, one_operator, run_tflm_batch

LEAST_VALUES = 200_000
LEAST_GRAPHS = 120
UTTERANCES = 2
NONE, RELU = {"fused_activation_function": "NONE"}, {"fused_activation_function": "RELU"}
ROWS, WIDTH = 16, 128


def activation(random: Random) -> dict[str, str]:
    chance = random.rng.random()
    if chance < 0.2:
        return {"fused_activation_function": "RELU6" if chance < 0.1 else "RELU_N1_TO_1"}
    return RELU if chance < 0.35 else NONE


def fully_connected(random: Random, dtype: str) -> Graph:
    depth, outputs = random.integer(1, 320), random.integer(1, 96)
    x = random.tensor("x", (ROWS, depth), dtype)
    weights = np.clip(np.round(random.rng.normal(0, random.rng.choice([4, 40, 90]), (outputs, depth))), -128, 127)
    wide = dtype == "int16" and random.rng.random() < 0.7
    per_channel = random.coin()
    scales = np.array([random.scale(-14, -4) for _ in range(outputs if per_channel else 1)], np.float32)
    reach = float(x.scale[0]) * float(scales.max()) * np.abs(weights).sum(axis=1).max() * x.limits[1]
    y = random.tensor("y", (ROWS, outputs), dtype, reach / x.limits[1] / 2.0 ** random.rng.uniform(1, 6))
    biases = np.round(random.rng.normal(0, 2.0 ** random.rng.uniform(0, 26), outputs))
    bias = constant("b", np.clip(biases, -(2**28), 2**28), "int64" if wide else "int32", x.scale[0] * scales)
    has_bias = random.rng.random() < 0.9
    return one_operator(
        "FULLY_CONNECTED",
        [x, constant("w", weights, "int8", scales), bias if has_bias else None],
        [y],
        activation(random),
    )


def conv_2d(random: Random, dtype: str) -> Graph:
    groups = random.integer(1, 3)
    depth, outputs = random.integer(1, 6), groups * random.integer(1, 8)
    kernel = (random.integer(1, 3), random.integer(1, 5))
    if random.rng.random() < 0.3:
        kernel = (1, 1)
    size = (random.integer(6, 9), random.integer(14, 40))
    weights = random.rng.integers(-128, 128, (outputs, *kernel, depth))
    wide = dtype == "int16" and random.rng.random() < 0.7
    return _convolution(random, dtype, "CONV_2D", (2, *size, depth * groups), weights, 0, wide)


def depthwise_conv_2d(random: Random, dtype: str) -> Graph:
    kernel, channels = (random.integer(1, 3), random.integer(1, 5)), random.integer(1, 20)
    size = (random.integer(6, 9), random.integer(14, 40))
    weights = random.rng.integers(-128, 128, (1, *kernel, channels))
    return _convolution(random, dtype, "DEPTHWISE_CONV_2D", (2, *size, channels), weights, 3, dtype == "int16")


def _convolution(
    random: Random, dtype: str, kind: str, shape: tuple[int, ...], weights: np.ndarray, axis: int, wide: bool
) -> Graph:
    """A convolution of x (2, H, W, I) with strides, dilations, both paddings, with and without a bias; outputs along `axis`."""
    outputs, kernel, size = weights.shape[axis], weights.shape[1:3], shape[1:3]
    stride, dilation = (random.integer(1, 2), random.integer(1, 3)), (random.integer(1, 2), random.integer(1, 3))
    padding = "SAME" if random.coin() else "VALID"
    spread = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    out = [
        -(-n // s) if padding == "SAME" else -(-(n - r + 1) // s) for n, s, r in zip(size, stride, spread, strict=True)
    ]
    x = random.tensor("x", shape, dtype)
    scales = np.array([random.scale(-14, -4) for _ in range(outputs if random.coin() else 1)], np.float32)
    largest = np.abs(np.moveaxis(weights, axis, 0)).reshape(outputs, -1).sum(axis=1).max()
    reach = float(x.scale[0]) * float(scales.max()) * largest * x.limits[1]
    y = random.tensor("y", (2, *out, outputs), dtype, reach / x.limits[1] / 2.0 ** random.rng.uniform(1, 6))
    biases = np.round(random.rng.normal(0, 2.0 ** random.rng.uniform(0, 26), outputs))
    bias = constant("b", np.clip(biases, -(2**28), 2**28), "int64" if wide else "int32", x.scale[0] * scales)
    options = {
        "padding": padding,
        "stride_h": stride[0],
        "stride_w": stride[1],
        "dilation_h_factor": dilation[0],
        "dilation_w_factor": dilation[1],
        **activation(random),
        **({"depth_multiplier": 1} if kind == "DEPTHWISE_CONV_2D" else {}),
    }
    has_bias = random.rng.random() < 0.9
    given = [x, constant("w", weights, "int8", scales, axis=axis), *([bias] if has_bias else [])]
    return one_operator(kind, given, [y], options)


def _second(random: Random, dtype: str) -> Tensor:
    """A second operand: an activation or a constant, of the same shape or broadcast."""
    shape = [(ROWS, WIDTH), (1, 1), (1, WIDTH), (WIDTH,), (ROWS, 1)][random.integer(0, 4)]
    b = random.tensor("b", shape, dtype)
    if shape == (ROWS, WIDTH) or random.coin():
        return b
    data = random.values(b)
    return Tensor("b", shape, dtype, b.scale, b.zero_point, None, data.astype(dtype))


def add(random: Random, dtype: str, kind: str = "ADD") -> Graph:
    a, b = random.tensor("a", (ROWS, WIDTH), dtype), _second(random, dtype)
    largest = max(float(a.scale[0]), float(b.scale[0]))
    y = random.tensor("y", (ROWS, WIDTH), dtype, largest * random.scale(-2, 2))
    order = [a, b] if random.coin() else [b, a]
    return one_operator(kind, order, [y], {**activation(random), "pot_scale_int16": False})


def sub(random: Random, dtype: str) -> Graph:
    return add(random, dtype, "SUB")


def mul(random: Random, dtype: str) -> Graph:
    a, b = random.tensor("a", (ROWS, WIDTH), dtype), _second(random, dtype)
    product = float(a.scale[0]) * float(b.scale[0])
    y = random.tensor("y", (ROWS, WIDTH), dtype, product * random.scale(0, 14 if dtype == "int16" else 7))
    order = [a, b] if random.coin() else [b, a]
    return one_operator("MUL", order, [y], activation(random))


def _sigmoid(random: Random, dtype: str, kind: str) -> Graph:
    x = random.tensor("x", (ROWS, WIDTH), dtype, random.scale(-16 if dtype == "int16" else -10, 1))
    if dtype == "int16" and random.rng.random() < 0.4:
        # Where the oracle changes its formula: around 2**-12 and 2**-11.
        scale = 2.0 ** -random.integer(10, 13) * (1 + random.rng.choice([0, 0, 6e-4, 7.1e-4, -6.8e-4, -7.2e-4]))
        x = random.tensor("x", (ROWS, WIDTH), dtype, scale)
    if dtype == "int16":
        output = np.array([2.0**-15], np.float32), 0
    else:
        output = (np.array([2.0**-8], np.float32), -128) if kind == "LOGISTIC" else (np.array([2.0**-7], np.float32), 0)
    return one_operator(kind, [x], [Tensor("y", (ROWS, WIDTH), dtype, *output)])


def logistic(random: Random, dtype: str) -> Graph:
    return _sigmoid(random, dtype, "LOGISTIC")


def tanh(random: Random, dtype: str) -> Graph:
    return _sigmoid(random, dtype, "TANH")


def relu(random: Random, dtype: str) -> Graph:
    x = random.tensor("x", (ROWS, WIDTH), dtype)
    return one_operator("RELU", [x], [random.tensor("y", x.shape, dtype, x.scale[0] * random.scale(-3, 4))])


def leaky_relu(random: Random, dtype: str) -> Graph:
    x = random.tensor("x", (ROWS, WIDTH), dtype)
    y = random.tensor("y", x.shape, dtype, x.scale[0] * random.scale(-3, 4))
    alpha = float(random.rng.choice([0.0, 0.01, 0.2, 0.25, 1.0, -1.0, *random.rng.uniform(-3, 3, 3)]))
    return one_operator("LEAKY_RELU", [x], [y], {"alpha": alpha})


def absolute(random: Random, dtype: str) -> Graph:
    x = random.tensor("x", (ROWS, WIDTH), dtype)
    factor = np.float32(1) if random.coin() else random.scale(-3, 4)
    return one_operator("ABS", [x], [random.tensor("y", x.shape, dtype, x.scale[0] * factor)])


def quantize(random: Random, dtypes: str) -> Graph:
    source, target = dtypes.split("-")
    bits = {"int8": 8, "int16": 16, "int32": 32}
    x = random.tensor("x", (ROWS, WIDTH), source)
    change = bits[source] - bits[target]
    y = random.tensor("y", x.shape, target, float(x.scale[0]) * float(random.scale(change - 3, max(change, 0) + 3)))
    return one_operator("QUANTIZE", [x], [y])


def gather(random: Random, dtype: str) -> Graph:
    size = random.integer(1, 300)
    x = Tensor("x", (ROWS, WIDTH), "int32", np.array([1.0], np.float32), 0)
    scale, zero_point = random.scale(), random.zero_point(dtype)
    table = constant("table", random.rng.integers(-128, 128, size), dtype, scale, zero_point)
    y = Tensor("y", x.shape, dtype, np.array([scale], np.float32), zero_point)
    return one_operator("GATHER", [table, x], [y], {"axis": 0})


def max_pool(random: Random, dtype: str) -> Graph:
    kernel, stride = ((random.integer(1, 5), random.integer(1, 5)) for _ in range(2))
    height, width, channels = random.integer(5, 12), random.integer(5, 40), random.integer(1, 12)
    x, like = _moved(random, dtype, (1, height, width, channels))
    out = tuple((n - k) // s + 1 for n, k, s in zip((height, width), kernel, stride, strict=True))
    options = dict(zip(("filter_height", "filter_width", "stride_h", "stride_w"), (*kernel, *stride), strict=True))
    return one_operator("MAX_POOL_2D", [x], [like("y", (1, *out, channels))], {"padding": "VALID", **options, **NONE})


def mean(random: Random, dtype: str) -> Graph:
    shape, axes = [
        ((512, 65), (1,)),
        ((1, 400), (0,)),
        ((3, 40, 9, 16), (1, 2)),
        ((3, 9, 16, 40), (2, 1)),
        ((4, 8, 16, 33), (-1,)),
        ((4, 32, 16, 8), (3, 1)),
        ((1, 300, 7), (1,)),
    ][random.integer(0, 6)]
    x = random.tensor("x", shape, dtype)
    if random.rng.random() < 0.3:
        y_scale, y_zero_point = x.scale[0], x.zero_point
    else:
        y_scale, y_zero_point = x.scale[0] * random.scale(-6, 1), random.zero_point(dtype)
    keep = random.coin()
    reduced = {axis % len(shape) for axis in axes}
    out = tuple(1 if i in reduced else n for i, n in enumerate(shape) if keep or i not in reduced)
    y = Tensor("y", out, dtype, np.array([y_scale], np.float32), y_zero_point)
    return one_operator("MEAN", [x, constant("axes", axes)], [y], {"keep_dims": keep})


def batch_matmul(random: Random, dtype: str) -> Graph:
    depth, rows, columns = random.integer(1, 140), random.integer(1, 50), random.integer(1, 50)
    matrices = [(), (1,), (random.integer(2, 9),), (2, 3)][random.integer(0, 3)]
    a, b = random.tensor("a", (*matrices, rows, depth), dtype), random.tensor("b", (*matrices, columns, depth), dtype)
    reach = float(a.scale[0]) * float(b.scale[0]) * depth * 2.0**15
    y = random.tensor("y", (*matrices, rows, columns), dtype, reach / 2.0 ** random.rng.uniform(0, 6))
    return one_operator("BATCH_MATMUL", [a, b], [y], {"adj_x": False, "adj_y": True})


def _moved(random: Random, dtype: str, shape: tuple[int, ...]) -> tuple[Tensor, Callable[..., Tensor]]:
    """An operand, and a maker of results with its scale and zero point."""
    x = random.tensor("x", shape, dtype)
    return x, lambda name, out: Tensor(name, out, x.dtype, x.scale, x.zero_point)


def concatenation(random: Random, dtype: str) -> Graph:
    axis = random.integer(0, 3)
    shape = [2, 4, 6, 8]
    x, like = _moved(random, dtype, tuple(shape))
    parts = [x]
    for name in "abc"[: random.integer(1, 3)]:
        part = [n if i != axis else random.integer(1, 40) for i, n in enumerate(shape)]
        parts.append(like(name, tuple(part)))
    out = tuple(n if i != axis else sum(p.shape[axis] for p in parts) for i, n in enumerate(shape))
    return one_operator("CONCATENATION", parts, [like("y", out)], {"axis": axis - 4 * random.integer(0, 1), **NONE})


def split(random: Random, dtype: str) -> Graph:
    axis, count = random.integer(0, 2), random.integer(2, 4)
    shape = [8, 12, 24]
    if random.rng.random() < 0.1:
        axis, count, shape = 0, random.integer(30, 70), [1, 1, 16]
    shape[axis] = count * random.integer(1, 8)
    x, like = _moved(random, dtype, tuple(shape))
    part = tuple(n // count if i == axis else n for i, n in enumerate(shape))
    outputs = [like(f"y{i}", part) for i in range(count)]
    return one_operator("SPLIT", [constant("axis", axis - 3 * random.integer(0, 1)), x], outputs, {"num_splits": count})


def slice_(random: Random, dtype: str) -> Graph:
    shape = (4, 12, 20, 8)
    begin = [random.integer(0, n // 3) for n in shape]
    size = [random.integer(n // 2, n - b) for n, b in zip(shape, begin, strict=True)]
    x, like = _moved(random, dtype, shape)
    given = [-1 if b + s == n else s for n, b, s in zip(shape, begin, size, strict=True)]
    return one_operator("SLICE", [x, constant("begin", begin), constant("size", given)], [like("y", tuple(size))])


def strided_slice(random: Random, dtype: str) -> Graph:
    shape = (8, 12, 20, 16)
    masks = {"begin_mask": random.integer(0, 15), "end_mask": random.integer(0, 15), "shrink_axis_mask": 0}
    begin, end, stride, out = [], [], [], []
    for axis, n in enumerate(shape):
        step = int(random.rng.choice([1, 1, 2, 3, -1, -2]))
        low, high = random.integer(0, n // 4), random.integer(n // 2, n)
        first, last = (low, high) if step > 0 else (high - 1, low - 1)
        first, last = (first - n, last) if random.coin() else (first, last if last in (n, -1) else last - n)
        if (step < 0 and low == 0) or random.rng.random() < 0.1:
            masks["end_mask"] |= 1 << axis
        bit = 1 << axis
        chosen = slice(None if masks["begin_mask"] & bit else first, None if masks["end_mask"] & bit else last, step)
        if axis == 0 and random.rng.random() < 0.3:
            masks["shrink_axis_mask"] |= bit
            step = 1
        else:
            out.append(len(range(*chosen.indices(n))))
        begin.append(first)
        end.append(last)
        stride.append(step)
    x, like = _moved(random, dtype, shape)
    given = [constant(name, values) for name, values in (("begin", begin), ("end", end), ("strides", stride))]
    return one_operator("STRIDED_SLICE", [x, *given], [like("y", tuple(out))], masks)


def reshape(random: Random, dtype: str) -> Graph:
    x, like = _moved(random, dtype, (4, 24, 30))
    out = [(1, 2880), (2880,), (24, 120), (2, 2, 24, 30), (8, 360)][random.integer(0, 4)]
    return one_operator("RESHAPE", [x, constant("shape", out)], [like("y", out)], {"new_shape": list(out)})


def transpose(random: Random, dtype: str) -> Graph:
    rank = random.integer(2, 4)
    shape = (5, 9, 11, 6)[:rank] if rank > 2 else (50, 60)
    order = [int(axis) for axis in random.rng.permutation(rank)]
    x, like = _moved(random, dtype, shape)
    return one_operator(
        "TRANSPOSE", [x, constant("permutation", order)], [like("y", tuple(shape[axis] for axis in order))]
    )


def pad(random: Random, dtype: str) -> Graph:
    shape = (3, 10, 12, 7)[: random.integer(2, 4)]
    widths = random.rng.integers(0, 4, (len(shape), 2))
    x, like = _moved(random, dtype, shape)
    out = tuple(int(n + w.sum()) for n, w in zip(shape, widths, strict=True))
    return one_operator("PAD", [x, constant("paddings", widths)], [like("y", out)])


NARROW = ("int8", "int16")
MOVED = ("int8", "int16", "int32")
CASES: dict[str, tuple[Callable[[Random, str], Graph], tuple[str, ...]]] = {
    "FULLY_CONNECTED": (fully_connected, NARROW),
    "CONV_2D": (conv_2d, NARROW),
    "DEPTHWISE_CONV_2D": (depthwise_conv_2d, NARROW),
    "BATCH_MATMUL": (batch_matmul, ("int16",)),
    "ADD": (add, NARROW),
    "SUB": (sub, NARROW),
    "MUL": (mul, NARROW),
    "LOGISTIC": (logistic, NARROW),
    "TANH": (tanh, NARROW),
    "RELU": (relu, NARROW),
    "LEAKY_RELU": (leaky_relu, NARROW),
    "ABS": (absolute, NARROW),
    "MEAN": (mean, NARROW),
    "MAX_POOL_2D": (max_pool, NARROW),
    "GATHER": (gather, ("int8",)),
    "CONCATENATION": (concatenation, MOVED),
    "SPLIT": (split, MOVED),
    "SLICE": (slice_, MOVED),
    "STRIDED_SLICE": (strided_slice, MOVED),
    "RESHAPE": (reshape, MOVED),
    "TRANSPOSE": (transpose, NARROW),
    "PAD": (pad, MOVED),
    "QUANTIZE": (
        quantize,
        (
            "int8-int8",
            "int8-int16",
            "int8-int32",
            "int16-int8",
            "int16-int16",
            "int16-int32",
            "int32-int8",
            "int32-int16",
        ),
    ),
}


def test_every_kernel_is_tried():
    assert set(CASES) == set(operators())


@pytest.mark.parametrize(("kind", "dtype"), [(kind, dtype) for kind, (_, dtypes) in CASES.items() for dtype in dtypes])
def test_kernel_equals_the_oracle(kind: str, dtype: str):
    make = CASES[kind][0]
    compared = graphs = refused = seed = 0
    while compared < LEAST_VALUES or graphs < LEAST_GRAPHS:
        random = Random(seed)
        seed += 1
        graph = make(random, dtype)
        try:
            params = prepare(graph, graph.operators[0])
        except StapesError:
            refused += 1
            assert refused < 20 + graphs, "most random graphs are refused"
            continue
        given = {
            name: np.stack([random.values(graph.tensors[name]) for _ in range(UTTERANCES)]) for name in graph.inputs
        }
        if kind == "GATHER":
            # Beyond its table the oracle reads whatever is there.
            given["x"] %= graph.tensors["table"].size
        for value in given.values():
            value.flags.writeable = False
        made = run(graph, graph.operators[0], params, given)
        expected = run_tflm_batch(graph, given)
        for name, y in zip(graph.outputs, made, strict=True):
            assert y.dtype == np.int64
            np.testing.assert_array_equal(y, expected[name], err_msg=f"{kind} {dtype}, seed {seed - 1}, {params}")
            compared += y.size
        graphs += 1


def test_sums_that_single_precision_cannot_hold_are_exact():
    depth, rows = 1500, 128
    x = Tensor("x", (1, depth), "int8", np.array([1.0], np.float32), -128)
    y = Tensor("y", (1, rows), "int8", np.array([1.0], np.float32), 0)
    weights = np.full((rows, depth), 127)
    weights[:, 0] -= np.arange(rows)
    given = np.full((1, 1, depth), 127)
    # One step above the zero point: row k is k below row 0, and every second sum is odd and above 2**24.
    given[..., 0] = -127
    bias = constant("b", np.full(rows, -127 * 255 * (depth - 1) - 64), "int32", 1.0)
    graph = one_operator("FULLY_CONNECTED", [x, constant("w", weights, "int8", 1.0), bias], [y], NONE)
    (made,) = run(graph, graph.operators[0], prepare(graph, graph.operators[0]), {"x": given})
    assert made[0, 0].tolist() == list(range(63, 63 - rows, -1))
    np.testing.assert_array_equal(made, run_tflm_batch(graph, {"x": given})["y"])


def test_an_operator_without_a_kernel_is_named():
    graph = one_operator("SOFTMAX", [Tensor("x", (1, 4), "int8")], [Tensor("y", (1, 4), "int8")])
    with pytest.raises(StapesError, match="SOFTMAX has no kernel"):
        run(graph, graph.operators[0], None, {})


def test_a_value_that_was_never_made_is_named():
    graph = one_operator("RELU", [Tensor("x", (1, 4), "int8")], [Tensor("y", (1, 4), "int8")])
    with pytest.raises(StapesError, match="'x' has no value"):
        run(graph, graph.operators[0], None, {})
