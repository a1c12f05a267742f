"""Dense layers as two products of 8 bits."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from stapes.models.dense_graph import DenseGraph, coarse_part


def test_the_rest_of_a_weight_is_half_a_step_of_its_row_at_most():
    weight = np.random.default_rng(0).standard_normal((5, 40)) * np.array([[1e-3], [1.0], [50.0], [0.0], [7.0]])
    coarse, step = coarse_part(weight), np.abs(weight).max(axis=1, keepdims=True) / 127
    assert np.allclose(coarse[3], 0.0, atol=0.0)
    codes = coarse[step[:, 0] > 0] / step[step[:, 0] > 0]
    assert np.abs(codes - np.round(codes)).max() < 1e-9
    assert np.abs(codes).max() < 127.5
    assert (np.abs(weight - coarse) <= step / 2 * (1 + 1e-12)).all()
    assert len(np.unique((weight - coarse)[1])) > 30  # 8 bits leave something


def test_a_fine_layer_is_the_layer():
    """Two products and a sum give what one gives, and both parts are there."""
    rng = np.random.default_rng(1)
    weight, bias, x = rng.standard_normal((6, 9)), rng.standard_normal(6), rng.standard_normal((1, 9))
    graph = DenseGraph()
    made = [
        graph.layer("x", "a", weight, bias, "fine", "Tanh"),
        graph.layer("x", "b", weight, bias, "plain", fine=False),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("x", 9), *((m, 6) for m in made))
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "g", ends[:1], ends[1:], graph.constants),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.checker.check_model(model, full_check=True)
    fine, plain = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x.astype(np.float32)})
    assert np.abs(plain - (x @ weight.T + bias)).max() < 1e-5
    assert np.abs(fine - np.tanh(x @ weight.T + bias)).max() < 1e-5
    assert [node.op_type for node in graph.nodes] == ["Gemm", "Gemm", "Add", "Tanh", "Gemm"]
    assert [constant.name for constant in graph.constants[::2]] == ["a.coarse.weight", "a.rest.weight", "b.weight"]
