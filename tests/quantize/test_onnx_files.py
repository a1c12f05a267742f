"""What a file may hold: data beside it, old and new versions, other types than float32; and what is said of the rest."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from stapes.models.errors import Remark, StapesError
from stapes.quantize.calibrate import run_float
from stapes.quantize.onnx_reader import check_model, load_onnx, read_onnx

from tests.quantize.onnx_models import gru, make

RNG = np.random.default_rng(0)


def product(width=4) -> onnx.ModelProto:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return make([node], {"x": (1, width)}, {"y": (1, width)}, {"w": RNG.normal(size=(width, width))})


def refusal(model, tmp_path) -> str:
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(StapesError) as caught:
        read_onnx(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def outside(folder, name="net.onnx", location="net.onnx.data"):
    """The same network in one file and with its weights beside it."""
    folder.mkdir(exist_ok=True)
    model = gru(np.random.default_rng(1))
    onnx.save(model, folder / "whole.onnx")
    onnx.save(
        model,
        folder / name,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=location,
        size_threshold=0,
    )
    return folder / name


def test_weights_beside_the_file_are_taken_in(tmp_path):
    path = outside(tmp_path)
    assert (tmp_path / "net.onnx.data").is_file()
    file, whole = load_onnx(path), load_onnx(tmp_path / "whole.onnx")
    assert file.content == whole.content == (tmp_path / "whole.onnx").read_bytes()
    source, expected = (check_model(f.model, "m") for f in (file, whole))
    assert source.constants.keys() == expected.constants.keys()
    for name, array in expected.constants.items():
        np.testing.assert_array_equal(source.constants[name], array)


def test_where_the_weights_stood_does_not_matter(tmp_path):
    contents = {
        load_onnx(outside(tmp_path / f, location=place)).content for f, place in (("a", "x"), ("b", "weights.bin"))
    }
    assert len(contents) == 1


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("location", "/etc/hostname", "/etc/hostname"),
        ("location", "../secret", "../secret"),
        ("location", "nowhere.bin", "no such file"),
        ("location", "", "cannot be read there"),
        ("location", "link", "it is a link"),
        ("location", "folder", "not a plain file"),
        ("offset", str(10**30), "cannot be read there"),
        ("offset", "-1", "not written as a number"),
        ("offset", "much", "not written as a number"),
        ("length", str(10**18), f"the file gives {10**18} bytes"),
        ("length", "1", "need 1152 bytes, the file gives 1 bytes"),
    ],
)
def test_hostile_places_of_weights_are_refused_in_one_line(tmp_path, key, value, reason):
    path = outside(tmp_path / "net")
    (tmp_path / "secret").write_bytes(b"\0" * 10_000)
    (path.parent / "link").symlink_to(tmp_path / "secret")
    (path.parent / "folder").mkdir()
    model = onnx.load(path, load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.name == "W")
    entry = next(e for e in tensor.external_data if e.key == key)
    entry.value = value
    message = refusal(model, path.parent)
    assert reason in message
    assert "'W'" in message


def test_more_weights_than_any_device_has_are_refused_before_they_are_read(tmp_path):
    model = product()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.dims[:] = [2**20, 2**20]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    assert "more than 512 MB of weights" in refusal(model, tmp_path)


@pytest.mark.parametrize(("field", "value"), [("ir", 99), ("opset", 99)])
def test_versions_that_are_too_new_are_refused(tmp_path, field, value):
    model = product()
    if field == "ir":
        model.ir_version = value
    else:
        model.opset_import[0].version = value
    message = refusal(model, tmp_path)
    assert "99" in message
    assert "opset_version=18" in message


def older(opset: int) -> onnx.ModelProto:
    """Squeeze and Split with axes as attributes, as they were before opset 13."""
    nodes = [
        helper.make_node("Squeeze", ["x"], ["flat"], axes=[0]),
        helper.make_node("Split", ["flat"], ["a", "b"], axis=1, split=[2, 2]),
        helper.make_node("Concat", ["b", "a"], ["y"], axis=1),
    ]
    model = make(nodes, {"x": (1, 1, 4)}, {"y": (1, 4)})
    model.opset_import[0].version = opset
    model.ir_version = 4
    return model


@pytest.mark.parametrize("opset", [7, 9, 11, 12])
def test_older_operators_are_converted(tmp_path, opset):
    path = tmp_path / "net.onnx"
    path.write_bytes(older(opset).SerializeToString())
    model, source = read_onnx(path)
    assert model.opset_import[0].version == opset
    assert source.shapes["a"] == (1, 2)
    made = run_float(model, source.states, [{"x": np.arange(4, dtype=np.float32)[None]}], ["y"])
    assert made[0]["y"].tolist() == [[2, 3, 0, 1]]


def test_operators_too_old_to_convert_are_refused(tmp_path):
    assert "opset 5 is too old; opset 13 or newer is needed" in refusal(older(5), tmp_path)


@pytest.mark.parametrize("kind", [TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16])
def test_other_floats_are_taken_as_float32_and_said_so(tmp_path, kind):
    model = product()
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = kind
    weights = numpy_helper.to_array(model.graph.initializer[0]).astype(helper.tensor_dtype_to_np_dtype(kind))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    with pytest.warns(Remark, match="net.onnx: computes in b?float(16|64); taken as float32"):
        file = load_onnx(path)
    source = check_model(onnx.load_model_from_string(file.content), "m")
    np.testing.assert_array_equal(source.constants["w"], weights.astype(np.float32))
    assert source.constants["w"].dtype == np.float32


def test_weights_stored_in_float16_for_a_float32_network_need_no_word(tmp_path, recwarn):
    nodes = [
        helper.make_node("Cast", ["h"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    model = make(nodes, {"x": (1, 2)}, {"y": (1, 2)})
    half = RNG.normal(size=(2, 2)).astype(np.float16)
    model.graph.initializer.append(numpy_helper.from_array(half, "h"))
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    assert load_onnx(path).content == path.read_bytes()
    assert not recwarn
    assert [node.op_type for node in read_onnx(path)[1].nodes] == ["MatMul"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (helper.make_tensor_type_proto(TensorProto.INT64, [1, 4]), "input 'x' is of type int64"),
        (helper.make_tensor_type_proto(TensorProto.STRING, [1, 4]), "input 'x' is of type string"),
        (helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [1])), "is of type sequence"),
        (helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [1])), "is of type optional"),
    ],
)
def test_inputs_that_are_no_floats_are_refused_by_type(kind, words):
    model = make([helper.make_node("Identity", ["x"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)})
    model.graph.input[0].type.CopyFrom(kind)
    with pytest.raises(StapesError, match=words):
        check_model(model, "m")


def test_an_output_that_is_no_float_is_refused_by_type():
    model = make([helper.make_node("ArgMax", ["x"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)})
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    with pytest.raises(StapesError, match="output 'y' is of type int64"):
        check_model(model, "m")


def test_an_axis_called_the_batch_is_one_and_said_so(tmp_path):
    model = gru(np.random.default_rng(0))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[1].dim_param = "batch_size"
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    with pytest.warns(Remark, match="the axis batch_size set to 1"):
        file = load_onnx(path)
    assert check_model(file.model, "m").shapes["h"] == (1, 1, 8)


def test_a_batch_beside_an_open_time_axis_is_refused(tmp_path):
    model = product()
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[0].dim_param, dims[1].dim_param = "batch", "time"
    assert "axis 0 of 'x' is not fixed (batch)" in refusal(model, tmp_path)


@pytest.mark.parametrize(
    ("kind", "domain", "words"),
    [
        ("QuantizeLinear", "", "already quantised \\(QuantizeLinear, DequantizeLinear\\); give the float model"),
        ("FusedGelu", "com.microsoft", "not ONNX's own \\(com.microsoft.FusedGelu\\)"),
        ("Scaler", "ai.onnx.ml", "not ONNX's own \\(ai.onnx.ml.Scaler\\)"),
    ],
)
def test_operators_that_are_not_of_a_float_network_are_named(kind, domain, words):
    if kind == "QuantizeLinear":
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ]
    else:
        nodes = [helper.make_node(kind, ["x"], ["y"], domain=domain)]
    model = make(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {"s": np.array(0.1)})
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.int8), "z"))
    if domain:
        model.opset_import.add(domain=domain, version=1)
    with pytest.raises(StapesError, match=words):
        check_model(model, "m")


def test_metadata_of_this_project_that_stands_twice_is_refused():
    model = product()
    for value in ("[]", '[["x", "y"]]'):
        model.metadata_props.add(key="stapes.states", value=value)
    with pytest.raises(StapesError, match="'stapes\\.states' stands there twice"):
        check_model(model, "m")
