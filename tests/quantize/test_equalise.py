"""Equalisation changes no output of the float network, and evens out what the integers have to cover."""

import numpy as np
from onnx import helper
from stapes.quantize.calibrate import calibrate, run_float
from stapes.quantize.equalise import equalise
from stapes.quantize.float_onnx import to_onnx
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model

from tests.quantize.onnx_models import make
from tests.quantize.test_lowering import ints

node = helper.make_node
SPREAD = np.geomspace(1.0, 30.0, 8)


def point_depth_point(spread=SPREAD):
    """Product -> rectifier -> history -> depth-wise product -> rectifier -> grouped product; `spread`: of the channels."""
    rng = np.random.default_rng(2)
    nodes = [
        node("MatMul", ["x", "A"], ["p"]),
        node("LeakyRelu", ["p"], ["h"], alpha=0.2),
        node("Unsqueeze", ["h", "front"], ["now"]),
        node("Concat", ["history", "now"], ["all"], axis=0),
        node("Slice", ["all", "one", "end", "front"], ["history_out"]),
        node("Transpose", ["all"], ["t"], perm=[2, 0, 1]),
        node("Unsqueeze", ["t", "front"], ["u"]),
        node("Conv", ["u", "D"], ["c"], pads=[0, 1, 0, 1], group=8),
        node("LeakyRelu", ["c"], ["r"], alpha=-0.4),
        node("Conv", ["r", "B"], ["q"], pads=[0, 1, 0, 1], group=2),
        node("Squeeze", ["q", "outer"], ["s"]),
        node("Transpose", ["s"], ["y"], perm=[1, 0]),
    ]
    constants = {"A": rng.normal(0, 0.4, (6, 8)) * spread, "D": rng.normal(0, 0.4, (8, 1, 3, 3))}
    constants |= {"B": rng.normal(0, 0.4, (4, 4, 1, 3)) / spread.reshape(2, 4).mean(1).repeat(2)[:, None, None, None]}
    constants |= {"front": ints(0), "one": ints(1), "end": ints(2**40), "outer": ints(0, 2)}
    shapes, made = {"x": (9, 6), "history": (2, 9, 8)}, {"y": (9, 4), "history_out": (2, 9, 8)}
    return make(nodes, shapes, made, constants)


def calibrated():
    lowered = lower(check_model(point_depth_point(), "m"))
    frames = np.random.default_rng(3).normal(0, 1, (60, 54)).astype(np.float32)
    return lowered, calibrate(lowered, [{"x": frames}]), {"x": frames}


def channel_ranges(seen, name):
    return np.percentile(np.abs(seen.values[name].reshape(-1, 8)), 99.9, axis=0)


def test_the_output_stays_and_the_channels_come_together():
    lowered, seen, frames = calibrated()
    expected = run_float(to_onnx(lowered), lowered.states, [frames], ["y"])[0]["y"]
    spreads = []
    for strength in (0.0, 0.5, 1.0):
        graph, scaled = equalise(lowered, seen, strength)
        got = run_float(to_onnx(graph), graph.states, [frames], ["y"])[0]["y"]
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)
        ranges = channel_ranges(scaled, "h")
        spreads.append(ranges.max() / ranges.min())
    assert spreads[0] > 20
    assert spreads[1] < 2 * spreads[0] ** 0.5
    assert spreads[2] < 1.2


def test_what_calibration_would_see_is_known_without_running_it_again():
    lowered, seen, frames = calibrated()
    graph, scaled = equalise(lowered, seen, 0.5)
    again = calibrate(graph, [frames])
    for name, values in again.values.items():
        np.testing.assert_allclose(scaled.values[name], values, rtol=1e-3, atol=1e-3 * np.abs(values).max())
        np.testing.assert_allclose(scaled.extremes[name], again.extremes[name], rtol=1e-3, atol=1e-3)


def test_a_strength_of_zero_is_the_graph_itself():
    lowered, seen, _ = calibrated()
    assert equalise(lowered, seen, 0.0) == (lowered, seen)
