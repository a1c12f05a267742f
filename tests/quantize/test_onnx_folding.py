"""Whatever no input decides is a constant, however large and whoever wrote it, and every value has a shape."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from stapes.models.errors import StapesError
from stapes.quantize.onnx_reader import check_model

from tests.quantize.onnx_models import make

RNG = np.random.default_rng(0)
LARGE = 200  # a matrix of so many rows is above what onnxscript folds by itself


def kinds(model) -> list[str]:
    return [node.op_type for node in check_model(model, "m").nodes]


def behind_a_matrix(nodes, constants, size=4, extra=()):
    """x times a matrix `w` that `nodes` compute from constants."""
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = make([*nodes, product], {"x": (1, size)}, {"y": (1, size)}, constants)
    model.graph.initializer.extend(extra)
    return model


def test_large_matrices_are_turned_joined_cut_and_cast():
    half = RNG.normal(size=(LARGE, 1, LARGE // 2))
    nodes = [
        helper.make_node("Squeeze", ["a", "one"], ["flat"]),
        helper.make_node("Slice", ["b", "zero", "rows"], ["cut"]),
        helper.make_node("Concat", ["flat", "cut"], ["joined"], axis=1),
        helper.make_node("Transpose", ["joined"], ["turned"], perm=[1, 0]),
        helper.make_node("Cast", ["turned"], ["double"], to=TensorProto.DOUBLE),
        helper.make_node("Cast", ["double"], ["w"], to=TensorProto.FLOAT),
    ]
    other = RNG.normal(size=(LARGE + 3, LARGE // 2))
    constants = {"a": half, "b": other, "one": np.array([1]), "zero": np.array([0]), "rows": np.array([LARGE])}
    model = behind_a_matrix(nodes, constants, LARGE)
    source = check_model(model, "m")
    assert [node.op_type for node in source.nodes] == ["MatMul"]
    expected = np.concatenate([half[:, 0], other[:LARGE]], axis=1).T.astype(np.float32)
    np.testing.assert_array_equal(source.constants[source.nodes[0].input[1]], expected)


def test_weights_stored_as_codes_are_read():
    codes = RNG.integers(-127, 127, (4, 4)).astype(np.int8)
    node = helper.make_node("DequantizeLinear", ["codes", "scale"], ["w"])
    model = behind_a_matrix([node], {"scale": np.array(0.25)}, extra=[numpy_helper.from_array(codes, "codes")])
    source = check_model(model, "m")
    assert [node.op_type for node in source.nodes] == ["MatMul"]
    np.testing.assert_array_equal(source.constants["w"], codes.astype(np.float32) / 4)


@pytest.mark.parametrize(
    "attributes",
    [{"value_floats": [1.0, 2.0, 3.0, 4.0]}, {"value": numpy_helper.from_array(np.arange(4, dtype=np.float32))}],
)
def test_constants_are_read_in_every_form(attributes):
    nodes = [
        helper.make_node("Constant", [], ["c"], **attributes),
        helper.make_node("Identity", ["c"], ["same"]),
        helper.make_node("Identity", ["same"], ["again"]),
        helper.make_node("Add", ["x", "again"], ["y"]),
    ]
    assert kinds(make(nodes, {"x": (1, 4)}, {"y": (1, 4)})) == ["Add"]


def test_one_number_or_a_sparse_tensor_is_a_constant_too():
    values = numpy_helper.from_array(np.array([3.0], np.float32), "sparse")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([2]), "at"), [4])
    nodes = [
        helper.make_node("Constant", [], ["one"], value_float=1.5),
        helper.make_node("Constant", [], ["thin"], sparse_value=sparse),
        helper.make_node("Add", ["x", "one"], ["sum"]),
        helper.make_node("Add", ["sum", "thin"], ["y"]),
    ]
    source = check_model(make(nodes, {"x": (1, 4)}, {"y": (1, 4)}), "m")
    assert [node.op_type for node in source.nodes] == ["Add", "Add"]
    operand = next(name for name in source.nodes[1].input if name in source.constants)
    np.testing.assert_array_equal(source.constants[operand], [0, 0, 3, 0])


def test_constants_listed_as_inputs_are_constants():
    model = behind_a_matrix([helper.make_node("Transpose", ["v"], ["w"])], {"v": RNG.normal(size=(4, 4))})
    model.graph.input.append(helper.make_tensor_value_info("v", TensorProto.FLOAT, [4, 4]))
    for version in (3, 10):
        model.ir_version = version
        source = check_model(model, "m")
        assert source.inputs == ("x",)
        assert [node.op_type for node in source.nodes] == ["MatMul"]


def test_shapes_and_what_is_computed_of_them_are_constants():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "last"], ["n"]),
        helper.make_node("Div", ["n", "two"], ["m"]),
        helper.make_node("Concat", ["two", "m"], ["target"], axis=0),
        helper.make_node("ConstantOfShape", ["target"], ["zeros"]),
        helper.make_node("Reshape", ["x", "target"], ["turned"]),
        helper.make_node("Add", ["turned", "zeros"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["y"]),
    ]
    model = make(nodes, {"x": (1, 6)}, {"y": (2, 3)}, {"last": np.array([1]), "two": np.array([2])})
    assert set(kinds(model)) <= {"Reshape", "Add", "Tanh"}


def test_a_branch_with_a_constant_condition_is_taken():
    def branch(kind):
        out = helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 4])
        return helper.make_graph([helper.make_node(kind, ["x"], ["b"])], kind, [], [out])

    nodes = [
        helper.make_node("Not", ["no"], ["yes"]),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch("Tanh"), else_branch=branch("Relu")),
    ]
    model = make(nodes, {"x": (1, 4)}, {"y": (1, 4)})
    model.graph.initializer.append(numpy_helper.from_array(np.array(False), "no"))
    assert kinds(model) == ["Tanh"]


def test_a_branch_that_an_input_decides_is_refused_by_name():
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    branches = [helper.make_graph([helper.make_node(k, ["x"], ["b"])], k, [], [out]) for k in ("Tanh", "Relu")]
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0),
        helper.make_node("Greater", ["top", "limit"], ["yes"]),
        helper.make_node("If", ["yes"], ["y"], name="gate", then_branch=branches[0], else_branch=branches[1]),
    ]
    model = make(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {"limit": np.array(0.5)})
    with pytest.raises(StapesError, match=r"If \(gate\) decides at run time what is computed"):
        check_model(model, "m")


def test_functions_of_a_file_are_inlined():
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 18)]
    )
    model = make([helper.make_node("Twice", ["x"], ["y"], domain="mine")], {"x": (1, 4)}, {"y": (1, 4)})
    model.functions.append(function)
    model.opset_import.add(domain="mine", version=1)
    assert kinds(model) == ["Add"]


def test_an_output_of_unknown_axes_follows_from_the_inputs():
    nodes = [helper.make_node("Pad", ["x", "amounts"], ["padded"]), helper.make_node("Tanh", ["padded"], ["y"])]
    model = make(nodes, {"x": (1, 4)}, {"y": ("a", "b")}, {"amounts": np.array([0, 1, 0, 1])})
    assert check_model(model, "m").shapes["y"] == (1, 6)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    assert check_model(model, "m").shapes["y"] == (1, 6)


def test_shapes_that_inference_does_not_find_are_taken_from_onnxruntime(monkeypatch):
    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", lambda model, **options: model)
    nodes = [helper.make_node("Tanh", ["x"], ["t"]), helper.make_node("Concat", ["t", "t"], ["y"], axis=1)]
    source = check_model(make(nodes, {"x": (1, 4)}, {"y": ("a", "b")}), "m")
    assert (source.shapes["t"], source.shapes["y"]) == ((1, 4), (1, 8))


@pytest.mark.parametrize("kind", ["ConstantOfShape", "Expand"])
def test_a_value_that_would_fill_the_memory_is_refused(kind):
    huge = np.array([2**20, 2**20])
    nodes = {
        "ConstantOfShape": [
            helper.make_node("ConstantOfShape", ["huge"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["top"]),
            helper.make_node("Add", ["x", "top"], ["y"]),
        ],
        "Expand": [
            helper.make_node("Reshape", ["x", "one"], ["scalar"]),
            helper.make_node("Expand", ["scalar", "huge"], ["wide"]),
            helper.make_node("ReduceMax", ["wide"], ["y"]),
        ],
    }[kind]
    model = make(nodes, {"x": (1, 1)}, {"y": (1, 1)}, {"huge": huge, "one": np.array([1, 1])})
    with pytest.raises(StapesError, match="is too large for a device"):
        check_model(model, "m")


def test_a_shape_that_does_not_fit_is_told_in_one_line():
    model = make([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": (1, 4)}, {"y": (1, 5)}, {"w": np.ones((4, 4))})
    with pytest.raises(StapesError, match="its shapes do not fit together") as caught:
        check_model(model, "m")
    assert "\n" not in str(caught.value)
