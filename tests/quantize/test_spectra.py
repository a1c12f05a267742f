"""Files that take a spectrum and give one: what is cut off is what a stage makes, and the rest is the same network."""

import numpy as np
import onnx
from onnx import helper
from stapes.models.audio import SoundPath
from stapes.models.audio.complex_mask import ComplexMask
from stapes.models.audio.log_magnitude import LogMagnitude
from stapes.models.audio.mask import Mask
from stapes.models.audio.transform import Transform
from stapes.models.schema import parse_json
from stapes.quantize.against_source import hold_to_source
from stapes.quantize.calibrate import run_float
from stapes.quantize.lowering import lower, require_supported
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.onnx_reader.shapes import quiet_session
from stapes.quantize.spectra import prepare

from tests.machine import shared_data
from tests.quantize.onnx_models import make
from tests.spectral_network import BINS, CHANNELS, HALF, HIDDEN, spectral_model

node = helper.make_node
FRAMES = 20


def path_of(model):
    named = {entry.key: entry.value for entry in model.metadata_props}
    return SoundPath.from_tables(parse_json(named["stapes.stages"], "m", "again"))


def streamed(model, spectra, given="mix", made="enh"):
    """Frames (T, F, 2) through a file whose states start from zeros -> (T, F, 2) and the last states."""
    session = quiet_session(model)
    states = {v.name: np.zeros(v.shape, np.float32) for v in session.get_inputs() if v.name != given}
    names, rows = [v.name for v in session.get_outputs()], []
    for frame in spectra:
        out = dict(
            zip(names, session.run(None, {given: frame[None, :, None].astype(np.float32), **states}), strict=True)
        )
        states = {name: out[f"{name}_out"] for name in states}
        rows.append(out[made][0, :, 0])
    return np.stack(rows), states


def spectra(bins=BINS, frames=FRAMES, seed=1):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((frames, bins, 2)) * np.logspace(-3, 1, frames)[:, None, None]
    values[3] = 0.0  # silence
    return values.astype(np.float32)


def by_stages(prepared, spectra):
    """Frames (T, F, 2) through the stage of the features, the network and the mask, all in float."""
    path, source = path_of(prepared.model), check_model(prepared.model, "m")
    values = spectra[..., 0] + 1j * spectra[..., 1]
    transform = path.transform
    features = path.stages[1].start(transform, 1).step({"spectrum": values})["features"]
    (given,), outputs = source.inputs, [*source.outputs, *(s.output for s in source.states)]
    made = run_float(prepared.model, source.states, [{given: features.astype(np.float32)}], outputs)[0]
    filtered = (
        path.stages[2].start(transform, 1).step({"spectrum": values, "mask": made[source.outputs[0]]})["filtered"]
    )
    return np.stack([filtered.real, filtered.imag], axis=-1), made


def test_a_file_of_spectra_becomes_features_a_network_and_a_mask():
    model = spectral_model()
    prepared = prepare(model, "m")
    assert path_of(prepared.model).stages[:3] == (
        Transform(16000, 64, 64, 32, "sqrt_hann"), LogMagnitude(10.0, 1e-12), Mask(on="alone")
    )  # fmt: skip
    expected, _ = streamed(model, spectra())
    got, _ = by_stages(prepared, spectra())
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())
    assert "spectrum 'mix' and gives 'enh'; 'log_magnitude' and 'mask'" in prepared.notes[0]
    assert "as a file does not say; give yours by --front-end" in prepared.notes[0]


def test_each_layer_has_a_state_of_its_own():
    model = spectral_model()
    prepared = prepare(model, "m")
    source = check_model(prepared.model, "m")
    shapes = {state.input: source.shapes[state.input] for state in source.states}
    assert shapes == {
        "conv_cache_0": (1, 1, 1, BINS),
        "conv_cache_1": (1, CHANNELS, 1, HALF),
        "tfa_cache_0": (1, 1, HIDDEN),
        "tfa_cache_1": (1, 1, HIDDEN),
    }
    _, last = streamed(model, spectra())
    _, made = by_stages(prepared, spectra())
    joined = np.concatenate([made["conv_cache_out_0"][-1], made["conv_cache_out_1"][-1]])
    np.testing.assert_allclose(joined, last["conv_cache"][0], atol=1e-5)
    assert "2 caches hold the states of several layers; each of 4 states" in prepared.notes[1]


def test_its_layers_are_the_operators_that_tflm_has():
    prepared = prepare(spectral_model(), "m")
    source = check_model(prepared.model, "m")
    lowered = lower(source)
    rng = np.random.default_rng(0)
    hold_to_source(
        prepared.model, source, lowered, [{"features": rng.normal(-1, 2, (8, BINS)).astype(np.float32)}], "m"
    )
    kinds = [op.kind for op in lowered.operators]
    # Both mean squares, the affine PReLU, and the transposed convolution over two frames without one of zeros.
    assert kinds.count("BATCH_MATMUL") == 2
    assert kinds.count("DEPTHWISE_CONV_2D") == 1
    assert "PAD" not in kinds
    assert not {"MEAN", "LEAKY_RELU"} & set(kinds)


def test_a_complex_mask_and_another_order_of_axes():
    """Real and imaginary parts in front, bins last; the mask has them one after the other."""
    nodes = [
        node("Mul", ["x", "x"], ["s"]), node("ReduceSum", ["s", "front"], ["p"], keepdims=1),
        node("Sqrt", ["p"], ["m"]), node("Clip", ["m", "floor"], ["c"]), node("Log", ["c"], ["f"]),
        node("Concat", ["f", "h"], ["both"], axis=0), node("MatMul", ["both", "W"], ["u"]), node("Tanh", ["u"], ["mask"]),
        node("Split", ["x"], ["a", "b"], axis=0, num_outputs=2), node("Split", ["mask"], ["r", "i"], axis=0, num_outputs=2),
        node("Mul", ["a", "r"], ["ar"]), node("Mul", ["b", "i"], ["bi"]), node("Sub", ["ar", "bi"], ["re"]),
        node("Mul", ["a", "i"], ["ai"]), node("Mul", ["b", "r"], ["br"]), node("Add", ["ai", "br"], ["im"]),
        node("Concat", ["re", "im"], ["y"], axis=0), node("Identity", ["f"], ["h_out"]),
    ]  # fmt: skip
    weights = np.random.default_rng(0).normal(0, 0.2, (BINS, BINS))
    constants = {"front": np.array([0], np.int64), "floor": np.array(1e-6), "W": weights}
    shapes = {"x": (2, BINS), "h": (1, BINS)}
    prepared = prepare(make(nodes, shapes, {"y": (2, BINS), "h_out": (1, BINS)}, constants), "m")
    assert path_of(prepared.model).stages[1:3] == (LogMagnitude(2.71828, 1e-6), ComplexMask())
    assert [v.name for v in prepared.model.graph.output] == ["mask_", "h_out"]


def test_what_follows_the_features_stays_in_the_network():
    """A factor of its own for each bin is no setting of a stage."""
    prepared = prepare(spectral_model(ln10=np.linspace(1.0, 2.0, BINS).reshape(1, 1, 1, BINS)), "m")
    assert path_of(prepared.model).stages[1] == LogMagnitude(2.71828, 1e-12)
    assert {"Log", "Div"} & {n.op_type for n in prepared.model.graph.node} == {"Div"}


def test_features_that_no_stage_makes_stay_in_the_file():
    """The logarithm of nothing is minus infinity."""
    prepared = prepare(spectral_model(floor=np.array(-1.0)), "m")
    assert next(v.name for v in prepared.model.graph.input) == "mix"
    assert not any(entry.key == "stapes.stages" for entry in prepared.model.metadata_props)


def test_a_file_that_names_its_path_or_takes_no_spectrum_is_left_alone():
    model = spectral_model()
    model.metadata_props.add(key="stapes.stages", value="[]")
    assert next(v.name for v in prepare(model, "m").model.graph.input) == "mix"
    plain = make([node("Relu", ["x"], ["y"])], {"x": (2, BINS)}, {"y": (2, BINS)})
    assert prepare(plain, "m") is None


def test_the_official_file_gives_its_golden_frames():
    folder = shared_data("ulunas")
    model = onnx.load(folder / "ulunas_stream_simple.onnx")
    golden = np.load(folder / "golden_ulunas.npz")
    prepared = prepare(model, "m")
    path = path_of(prepared.model)
    assert path.stages[:3] == (Transform(16000, 512, 512, 256, "hann"), LogMagnitude(), Mask(on="alone"))
    wave = np.concatenate([np.zeros(256), golden["wave_in"]])
    window = path.transform.windows()[0]
    frames = np.stack([wave[256 * t : 256 * t + 512] * window for t in range(len(golden["spec"]))])
    spectrum = np.fft.rfft(frames)
    own = np.stack([spectrum.real, spectrum.imag], axis=-1)
    np.testing.assert_allclose(own, golden["spec"], atol=1e-6 * np.abs(golden["spec"]).max())
    got, made = by_stages(prepared, golden["spec"])
    np.testing.assert_allclose(got, golden["enh"], atol=1e-5 * np.abs(golden["enh"]).max())
    tfa = np.concatenate([made[f"tfa_cache_out_{index}"][-1] for index in range(10)])
    np.testing.assert_allclose(tfa, golden["final_tfa_cache"][0], atol=1e-4)
    # Every node of it has a lowering.
    require_supported(check_model(prepared.model, "m"))
