"""Networks at the edge of sense, through the whole of `stapes quantize`: a bundle that opens, or one line."""

import json
import re

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.machine import lacking
from tests.quantize.onnx_models import make

RNG = np.random.default_rng(0)


def dead_last():
    constants = {"w": RNG.normal(size=(6, 4)), "b": np.full(4, -100.0)}
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["g"]), helper.make_node("Relu", ["g"], ["y"])]
    return make(nodes, {"x": (1, 6)}, {"y": (1, 4)}, constants)


def copy_alone():
    return make([helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])], {"x": (2, 6)}, {"y": (6, 2)})


def joined_with_constant():
    nodes = [helper.make_node("Concat", ["x", "c"], ["a"], axis=-1), helper.make_node("Tanh", ["a"], ["y"])]
    return make(nodes, {"x": (1, 6)}, {"y": (1, 8)}, {"c": RNG.normal(size=(1, 2))})


def only_a_state():
    shift = {"start": np.array([1], np.int64), "end": np.array([4], np.int64), "axis": np.array([0], np.int64)}
    nodes = [
        helper.make_node("Concat", ["cache", "x"], ["all"], axis=0),
        helper.make_node("Slice", ["all", "start", "end", "axis"], ["cache_out"]),
    ]
    return make(nodes, {"x": (1, 6), "cache": (3, 6)}, {"cache_out": (3, 6)}, shift)


def named_like_a_state():
    nodes = [helper.make_node("Gemm", ["context", "w"], ["g"]), helper.make_node("Tanh", ["g"], ["context_out"])]
    return make(nodes, {"context": (1, 6)}, {"context_out": (1, 6)}, {"w": RNG.normal(size=(6, 6))})


def state_beyond_one():
    constants = {
        "m": RNG.normal(0, 3, (6, 6)),
        "W": RNG.normal(0, 0.5, (1, 18, 6)),
        "R": RNG.normal(0, 0.5, (1, 18, 6)),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "m"], ["xm"]),
        helper.make_node("Add", ["xm", "h"], ["z"]),
        helper.make_node("GRU", ["x", "W", "R", "", "", "z"], ["", "h_out"], hidden_size=6, linear_before_reset=1),
        helper.make_node("Tanh", ["h_out"], ["y"]),
    ]
    shape = (1, 1, 6)
    return make(nodes, {"x": shape, "h": shape}, {"y": shape, "h_out": shape}, constants)


@pytest.fixture
def quantized(stapes, tmp_path):
    def run(model, *options):
        onnx.save(model, tmp_path / "net.onnx")
        given = [value for value in model.graph.input if value.name not in ("h", "cache")]
        frames = {v.name: RNG.normal(size=(60, *[d.dim_value for d in v.type.tensor_type.shape.dim])) for v in given}
        np.savez(tmp_path / "frames.npz", **{name: data.astype(np.float32) for name, data in frames.items()})
        arguments = (tmp_path / "net.onnx", "-o", tmp_path / "b", "--calibration", tmp_path / "frames.npz")
        return stapes("quantize", *arguments, *options), tmp_path / "b"

    return run


@pytest.mark.parametrize("network", [dead_last, copy_alone, joined_with_constant])
def test_network_whose_integers_are_exact_makes_a_bundle_that_opens(quantized, stapes, network):
    done, bundle = quantized(network())
    assert done.code == 0, done
    assert np.isfinite(json.loads((bundle / "manifest.json").read_bytes())["quality"]["vectors_snr_db"])
    assert stapes("regress", bundle, "--engine", "tflm").code in (0, 2)
    assert stapes("inspect", bundle).code == 0


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16", "w8a16_cmsis_nn"])
def test_a_constant_is_joined_in_the_format_of_the_whole_on_every_engine(quantized, stapes, recipe):
    done, bundle = quantized(joined_with_constant(), "--recipe", recipe)
    assert done.code == 0, done
    assert json.loads((bundle / "manifest.json").read_bytes())["quality"]["vectors_snr_db"] > 30.0
    engines = [word for name in ("native", "tflm") if not lacking(name) for word in ("--engine", name)]
    assert stapes("regress", bundle, *engines).code == 0


@pytest.mark.parametrize(("network", "words"), [(only_a_state, "no output but states")])
def test_network_that_cannot_be_taken_is_refused_by_name(quantized, network, words):
    done, bundle = quantized(network())
    assert words in done.error
    assert not bundle.exists()


def test_only_input_and_output_are_signals_whatever_they_are_called(quantized):
    done, bundle = quantized(named_like_a_state())
    assert done.code == 0, done
    assert "taken for signals" in done.stderr
    assert json.loads((bundle / "manifest.json").read_bytes())["states"] == []


def test_network_whose_integers_are_far_from_it_is_told_of(quantized):
    done, _ = quantized(state_beyond_one())
    assert done.code == 0, done
    assert "dB from that of float" in done.stderr
    assert re.search(
        r"net\.onnx: GRU \(\S+\): its initial_h reaches \d+\.?\d*, in integers it saturates at 1", done.stderr
    )


def test_output_that_stands_there_is_replaced_only_where_it_is_of_its_kind(quantized, stapes, tmp_path):
    _, bundle = quantized(named_like_a_state())
    (tmp_path / "mine.npz").write_text("my notes")
    frames = tmp_path / "frames.npz"
    assert "mine.npz" in stapes("simulate", bundle, frames, "-o", tmp_path / "mine.npz", "--engine", "numpy").error
    assert (
        "lies in the bundle"
        in stapes("simulate", bundle, frames, "-o", bundle / "vectors.npz", "--engine", "numpy").error
    )
    assert (tmp_path / "mine.npz").read_text() == "my notes"
    for _ in range(2):
        assert stapes("simulate", bundle, frames, "-o", tmp_path / "o.npz", "--engine", "numpy").code == 0
