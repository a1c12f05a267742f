"""Broadcasting is ONNX's: two operands of any shapes, constants or not, with unit axes anywhere, give what onnxruntime gives."""

import numpy as np
import pytest
from onnx import helper
from stapes.models.errors import StapesError
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import STATES_KEY, check_model

from tests.quantize.onnx_models import make
from tests.quantize.test_lowering import both, ints

node = helper.make_node
RNG = np.random.default_rng(21)


def normal(*shape):
    return RNG.normal(0, 1, shape)


def assert_alike(model, tolerance=1e-5):
    expected, got, lowered = both(model, frames=4)
    for name, values in expected.items():
        assert np.abs(got[name] - values).max() <= tolerance * max(np.abs(values).max(), 1e-9), name
    return lowered


SHAPES = [
    ((1, 5, 1, 5), (1, 5, 1, 1)),
    ((1, 5, 1, 5), (5, 1, 1)),
    ((1, 5, 5), (5, 1)),
    ((1, 5, 5), (5,)),
    ((1, 5, 5), (1, 5, 5)),
    ((1, 5, 1), (1, 1, 7)),
    ((1, 5, 1), (7,)),
    ((1, 5), (3, 1, 5)),
    ((5,), (1, 5, 5)),
    ((1, 1), (1, 1, 1, 1)),
    ((1, 1, 1), (1, 6)),
    ((1, 16), (16, 1)),
    ((1, 5, 1, 5), ()),
    ((2, 3, 2, 3), (1, 3, 1, 3)),
    ((3, 1, 5), (1, 4, 1)),
    ((2, 3, 2, 3, 2), (2,)),
    ((2, 3, 2, 3, 2), (2, 3, 1, 3, 1)),
    ((2, 2, 2, 2, 2), (2, 2, 2, 2, 2)),
]


@pytest.mark.parametrize(("first", "second"), SHAPES)
@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div"])
def test_two_operands_meet_along_the_axes_that_onnx_says(kind, first, second):
    out = np.broadcast_shapes(first, second)
    constant = {"c": np.abs(normal(*second)) + 0.3}
    assert_alike(make([node(kind, ["x", "c"], ["y"])], {"x": first}, {"y": out}, constant))
    if kind == "Div":
        return
    assert_alike(make([node(kind, ["c", "x"], ["y"])], {"x": first}, {"y": out}, constant))
    if second:
        assert_alike(make([node(kind, ["x", "z"], ["y"])], {"x": first, "z": second}, {"y": out}))


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul"])
def test_a_tensor_meets_itself(kind):
    assert_alike(make([node(kind, ["x", "x"], ["y"])], {"x": (1, 3, 1, 4)}, {"y": (1, 3, 1, 4)}))


def test_more_than_four_axes_that_take_turns_are_refused_by_name():
    nodes = [node("Mul", ["x", "z"], ["y"], name="gate")]
    model = make(nodes, {"x": (2, 3, 2, 3, 2), "z": (2, 1, 2, 1, 2)}, {"y": (2, 3, 2, 3, 2)})
    with pytest.raises(StapesError, match=r"Mul \(gate\): shapes .* more than 4 axes"):
        lower(check_model(model, "m"))


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([node("Div", ["x", "zero"], ["y"], name="n")], "Div (n): the divisor holds a zero"),
    ],
)
def test_other_divisions_are_refused_by_name(nodes, reason):
    constants = {"c": normal(1, 3), "zero": np.array([1.0, 0.0, 2.0])}
    with pytest.raises(StapesError) as caught:
        lower(check_model(make(nodes, {"x": (1, 3)}, {"y": (1, 3)}, constants), "m"))
    assert reason in str(caught.value)


PRODUCTS = {
    "Conv": ([node("Conv", ["x", "w", "b"], ["p"], pads=[0, 1, 0, 1])], (1, 3, 1, 6), (1, 6, 1, 6), (6, 3, 1, 3)),
    "pointwise": ([node("Conv", ["x", "w", "b"], ["p"])], (1, 3, 1, 6), (1, 6, 1, 6), (6, 3, 1, 1)),
    "depthwise": ([node("Conv", ["x", "w", "b"], ["p"], group=6)], (1, 6, 1, 8), (1, 6, 1, 6), (6, 1, 1, 3)),
    "one axis of space": ([node("Conv", ["x", "w", "b"], ["p"])], (1, 3, 8), (1, 6, 6), (6, 3, 3)),
    "one position": ([node("Conv", ["x", "w", "b"], ["p"])], (1, 3, 1, 1), (1, 6, 1, 1), (6, 3, 1, 1)),
    "upsampling": ([node("ConvTranspose", ["x", "w", "b"], ["p"], strides=[1, 2])], (1, 3, 1, 3), (1, 6, 1, 6), (3, 6, 1, 2)),
    "cut upsampling": ([node("ConvTranspose", ["x", "w", "b"], ["p"], strides=[1, 2], pads=[0, 1, 0, 0])], (1, 3, 1, 3), (1, 6, 1, 6), (3, 6, 1, 3)),
    "MatMul": ([node("MatMul", ["x", "w"], ["p"])], (1, 6, 4), (1, 6, 6), (4, 6)),
    "Gemm": ([node("Gemm", ["x", "w"], ["p"])], (6, 4), (6, 6), (4, 6)),
}  # fmt: skip
MEETINGS = [
    ("Add", 0, "channel"), ("Add", 1, "channel"), ("Add", 0, "last"), ("Add", 0, "one"), ("Add", 0, "full"),
    ("Sub", 0, "channel"), ("Sub", 1, "channel"), ("Mul", 0, "channel"), ("Mul", 1, "last"), ("Mul", 0, "one"),
    ("Div", 0, "channel"), ("Div", 0, "last"), ("Mul", 0, "more axes"),
]  # fmt: skip


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_constant_behind_a_product_applies_along_its_own_axis(product):
    """Channels and positions are equally many, so that a wrong axis has the right size."""
    nodes, given, made, kernel = PRODUCTS[product]
    for kind, place, along in MEETINGS:
        shape = {
            "channel": (1, made[1], *(1,) * (len(made) - 2)),
            "last": made[-1:],
            "one": (1, 1),
            "full": made,
            "more axes": (2, *made),
        }[along]
        operands = ["p", "c"] if place == 0 else ["c", "p"]
        weights = {"w": normal(*kernel), "c": np.abs(normal(*shape)) + 0.3}
        if len(kernel) > 2:
            weights["b"] = normal(6)
        out = np.broadcast_shapes(shape, made)
        tail = [node(kind, operands, ["q"]), node("Tanh", ["q"], ["y"])]
        assert_alike(make([*nodes, *tail], {"x": given}, {"y": out}, weights))


def test_a_gain_by_channel_becomes_part_of_the_convolution_before_it():
    nodes, given, made, kernel = PRODUCTS["Conv"]
    constants = {"w": normal(*kernel), "b": normal(6), "c": normal(1, 6, 1, 1), "d": normal(6, 1, 1)}
    tail = [node("Mul", ["p", "c"], ["q"]), node("Add", ["d", "q"], ["y"])]
    lowered = assert_alike(make([*nodes, *tail], {"x": given}, {"y": made}, constants))
    assert not {"MUL", "ADD"} & {op.kind for op in lowered.operators}


def test_a_gate_by_channel_between_convolutions_costs_no_transpose():
    """Squeeze and excitation: the gain follows from the frame itself."""
    nodes = [
        node("Conv", ["x", "w"], ["z"]),
        node("ReduceMean", ["z", "space"], ["m"], keepdims=0),
        node("MatMul", ["m", "v"], ["l"]),
        node("Sigmoid", ["l"], ["s"]),
        node("Unsqueeze", ["s", "space"], ["g"]),
        node("Mul", ["z", "g"], ["q"]),
        node("Relu", ["q"], ["r"]),
        node("Conv", ["r", "u"], ["y"]),
    ]
    constants = {"w": normal(6, 3, 1, 1), "v": normal(6, 6), "u": normal(2, 6, 1, 1), "space": ints(2, 3)}
    assert_alike(make(nodes, {"x": (1, 3, 1, 6)}, {"y": (1, 2, 1, 6)}, constants))


def test_a_sum_of_two_convolutions_meets_the_next_one_without_transposes():
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("Conv", ["x", "v"], ["b"]),
        node("Add", ["a", "b"], ["s"]),
        node("Mul", ["s", "c"], ["g"]),
        node("Conv", ["g", "u"], ["y"]),
    ]
    constants = {"w": normal(6, 3, 1, 1), "v": normal(6, 3, 1, 1), "u": normal(2, 6, 1, 1), "c": normal(1, 6, 1, 1)}
    lowered = assert_alike(make(nodes, {"x": (1, 3, 1, 6)}, {"y": (1, 2, 1, 6)}, constants))
    # At the input and at the output, whose order is ONNX's.
    assert [op.kind for op in lowered.operators].count("TRANSPOSE") <= 3


def random_shape(rng):
    return tuple(int(n) for n in rng.choice([1, 2, 3, 3], size=int(rng.integers(1, 6))))


def random_graph(seed):
    """A few operators on a few values of random shapes that may be broadcast, turned, cut, joined and averaged."""
    rng = np.random.default_rng(seed)
    shapes = {"x": random_shape(rng)}
    nodes, constants = [], {}
    for index in range(int(rng.integers(2, 6))):
        source = str(rng.choice(list(shapes)))
        shape, out = shapes[source], f"v{index}"
        kind = str(
            rng.choice(
                [
                    "binary",
                    "constant",
                    "Transpose",
                    "Slice",
                    "Concat",
                    "ReduceMean",
                    "Reshape",
                    "Tanh",
                    "MatMul",
                    "Gather",
                ]
            )
        )
        axis = int(rng.integers(0, len(shape)))
        if kind in ("binary", "constant"):
            operator = str(rng.choice(["Add", "Sub", "Mul"]))
            other = f"c{index}"
            if kind == "binary":
                fitting = [name for name, s in shapes.items() if _fits(s, shape)]
                other = str(rng.choice(fitting))
                made = np.broadcast_shapes(shapes[other], shape)
            else:
                kept = shape[int(rng.integers(0, len(shape))) :]
                constant = tuple(n if rng.random() < 0.5 else 1 for n in kept)
                constants[other] = rng.normal(0, 1, constant)
                made = shape
            operands = [source, other] if rng.random() < 0.5 else [other, source]
            nodes.append(node(operator, operands, [out], name=out))
        elif kind == "Transpose":
            order = rng.permutation(len(shape)).tolist()
            made = tuple(shape[i] for i in order)
            nodes.append(node(kind, [source], [out], perm=order, name=out))
        elif kind == "Slice":
            constants |= {f"{out}b": ints(0), f"{out}e": ints(max(1, shape[axis] - 1)), f"{out}a": ints(axis)}
            made = tuple(max(1, n - 1) if i == axis else n for i, n in enumerate(shape))
            nodes.append(node(kind, [source, f"{out}b", f"{out}e", f"{out}a"], [out], name=out))
        elif kind == "Concat":
            made = tuple(2 * n if i == axis else n for i, n in enumerate(shape))
            nodes += [node("Tanh", [source], [f"{out}t"]), node(kind, [source, f"{out}t"], [out], axis=axis, name=out)]
        elif kind == "ReduceMean":
            axes = sorted(rng.choice(len(shape), size=int(rng.integers(1, len(shape) + 1)), replace=False).tolist())
            keep = int(rng.integers(0, 2)) or len(axes) == len(shape)
            constants[f"{out}a"] = ints(*axes)
            made = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
            nodes.append(node(kind, [source, f"{out}a"], [out], keepdims=int(keep), name=out))
        elif kind == "Reshape":
            made = tuple(int(n) for n in rng.permutation(shape))
            constants[f"{out}s"] = ints(*made)
            nodes.append(node(kind, [source, f"{out}s"], [out], name=out))
        elif kind == "MatMul":
            width = int(rng.integers(1, 4))
            constants[f"{out}w"] = rng.normal(0, 1, (shape[-1], width))
            made = (*shape[:-1], width)
            nodes.append(node(kind, [source, f"{out}w"], [out], name=out))
        elif kind == "Gather":
            constants[f"{out}i"] = ints(int(rng.integers(0, shape[axis])))
            made = tuple(1 if i == axis else n for i, n in enumerate(shape))
            nodes.append(node(kind, [source, f"{out}i"], [out], axis=axis, name=out))
        else:
            made = shape
            nodes.append(node(kind, [source], [out], name=out))
        shapes[out] = tuple(made)
    read = {name for n in nodes for name in n.input}
    outputs = {name: shape for name, shape in shapes.items() if name != "x" and name not in read}
    model = make(nodes, {"x": shapes["x"]}, outputs, constants)
    # Some look like a history; none is.
    helper.set_model_props(model, {STATES_KEY: "[]"})
    return model


def _fits(a, b):
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


def test_random_small_graphs_keep_their_numbers_or_are_refused_by_name():
    refused = []
    for seed in range(200):
        model = random_graph(seed)
        try:
            assert_alike(model, 1e-4)
        except StapesError as error:
            refused.append(str(error))
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    assert len(refused) < 40
    assert all("operators that cannot be lowered: " in text and "axes" in text for text in refused), refused
