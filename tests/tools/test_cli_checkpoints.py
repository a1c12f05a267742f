"""What `stapes quantize` says to a file that is not a sound checkpoint or streaming ONNX model, and that it leaves nothing."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from stapes.models.onnx_export import FRONT_END_KEY
from stapes.tools.zoo import GRU_MASK

from tests.helpers import PUBLISHED_CONFIG, random_network
from tests.quantize.onnx_models import gru

GTCRN_KEYS = (
    "erb.erb_fc.weight",
    "erb.ierb_fc.weight",
    "encoder.en_convs.0.conv.weight",
    "dpgrnn1.intra_rnn.rnn1.weight_ih_l0",
    "dpgrnn2.inter_rnn.rnn1.weight_ih_l0",
    "decoder.de_convs.0.deconv.weight",
)


@pytest.fixture
def refused(stapes, tmp_path):
    """Quantise a file that must be refused -> the message; nothing may be left beside the file."""

    def run(path: Path, *options: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        error = stapes("quantize", path, "-o", tmp_path / "new" / "bundle", *options).error
        assert sorted(tmp_path.rglob("*")) == before
        return error

    return run


def content(**changes) -> dict:
    return {
        "model_state_dict": random_network().state_dict(),
        "model_config": dict(PUBLISHED_CONFIG),
        "frame_samples": 128,
        "sample_rate": 16000,
        "hop_samples": 64,
    } | changes


# ---- checkpoints


@pytest.mark.parametrize("data", [b"", b"hello, I am a text file\n" * 99, bytes(range(256)) * 9], ids=["empty", "text", "bytes"])  # fmt: skip
def test_a_file_that_is_no_checkpoint(refused, tmp_path, data):
    path = tmp_path / "net.pt"
    path.write_bytes(data)
    assert f"{path}: not a torch checkpoint" in refused(path)


def test_a_zip_archive_that_is_no_checkpoint(refused, tmp_path):
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.txt", "1 2 3")
    assert "not a torch checkpoint" in refused(path)


def test_a_checkpoint_cut_in_half(refused, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(content(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "or damaged" in refused(path)


def test_a_file_that_is_not_there_and_a_folder(refused, tmp_path):
    assert "no such file" in refused(tmp_path / "absent.pt")
    assert "a folder, and not that of DeepFilterNet3" in refused(tmp_path)


def test_a_checkpoint_with_the_tensors_of_gtcrn(refused, tmp_path):
    path = tmp_path / "net.tar"
    torch.save({"epoch": 96, "optimizer": {}, "model": {name: torch.zeros(4, 3) for name in GTCRN_KEYS}}, path)
    assert "tensors do not fit the network: missing decoder.de_convs.0.depth_act.weight" in refused(path)
    assert "a checkpoint of gtcrn, not of gru-mask" in refused(path, "--model", "gru-mask")


def test_a_checkpoint_of_an_unknown_network(refused, tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"backbone.layer1.weight": torch.zeros(3, 3)}, path)
    assert "unknown network (tensors backbone.layer1.weight" in refused(path)


def drop(name):
    return lambda state, config: state.pop(name)


def put(name, value):
    return lambda state, config: state.update({name: value})


def spoil(name, value):
    def change(state, config):
        state[name] = state[name].clone()
        state[name].view(-1)[7] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("gru.weight_hh_l1"), "missing gru.weight_hh_l1"),
        (drop("input_norm.bias"), "missing input_norm.bias"),
        (put("fc3.weight", torch.zeros(2, 2)), "unexpected fc3.weight"),
        (put("fc2.weight", torch.zeros(65, 64)), "fc2.weight has shape (65, 64), model_config asks for (65, 128)"),
        (put("gru.bias_ih_l0", torch.zeros(1)), "gru.bias_ih_l0 has shape (1,)"),
        (put("fc2.bias", torch.zeros(65, dtype=torch.int8)), "fc2.bias is torch.int8, not float"),
        (spoil("gru.weight_ih_l0", float("nan")), "gru.weight_ih_l0 holds NaN or Inf"),
        (spoil("fc1.weight", float("inf")), "fc1.weight holds NaN or Inf"),
        (spoil("input_norm.weight", float("-inf")), "input_norm.weight holds NaN or Inf"),
        (lambda state, config: config.update(hidden_dim=64), "has shape"),
        (lambda state, config: config.update(hidden_dim=-1), "hidden_dim"),
        (lambda state, config: config.update(hidden_dim=10**9), "at most 4096"),
        (lambda state, config: config.update(n_fft="many"), "n_fft is 'many'; it must be a whole number"),
        (lambda state, config: config.update(dropout=float("nan")), "dropout is nan"),
        (lambda state, config: config.update(attention_heads=4), "attention_heads"),
    ],
)
def test_a_checkpoint_with_wrong_tensors_or_sizes(refused, tmp_path, change, words):
    path = tmp_path / "net.pt"
    made = content()
    change(made["model_state_dict"], made["model_config"])
    torch.save(made, path)
    error = refused(path)
    assert str(path) in error
    assert words in error


class RunsCode:
    """Writes a file when it is unpickled."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return (Path.write_text, (Path(self.target), "the code ran"))


@pytest.mark.parametrize("kind", ["zip", "legacy", "bare pickle"])
def test_a_pickle_that_would_run_code_does_not(refused, tmp_path, kind):
    path, proof = tmp_path / "net.pt", tmp_path / "proof"
    evil = content(model_config=RunsCode(proof))
    if kind == "bare pickle":
        path.write_bytes(pickle.dumps(RunsCode(proof)))
    else:
        torch.save(evil, path, _use_new_zipfile_serialization=kind == "zip")
    error = refused(path)
    assert not proof.exists()
    assert "would run code" in error or "not a torch checkpoint" in error
    # The trap is armed: pickle's own loader would have walked into it.
    if kind == "bare pickle":
        pickle.loads(path.read_bytes())
        assert proof.read_text() == "the code ran"


# ---- options


def test_an_unknown_recipe_network_or_name(refused):
    error = refused(GRU_MASK, "--recipe", "w4a4")
    assert error.startswith(
        "recipe 'w4a4': not built in, and no such file; give one of dfn3_w8a16, dfn3_w8a16_small, dfn3_w8a8, gtcrn_mixed, "
    )
    assert error.endswith("w8a8_features16, or a TOML file")
    assert "--model 'rnnoise': unknown" in refused(GRU_MASK, "--model", "rnnoise")
    assert "a checkpoint of gru-mask, not of gtcrn" in refused(GRU_MASK, "--model", "gtcrn")
    assert "--name 'gru-mask' is no C identifier" in refused(GRU_MASK, "--name", "gru-mask")
    assert "'while'" in refused(GRU_MASK, "--name", "while")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "not TOML"),
        ("[activations]\ndtype = 'int4'", "activations.dtype is 'int4'; it may be int8, int16"),
        ("[activations]\ndtyp = 'int8'", "unknown key 'dtyp'"),
        ("[activations]\ndtype = 8", "dtype"),
        ("[activations]\npercentile = 'high'", "percentile"),
        ("[weights]\ngranularity = 'block'", "granularity"),
        ("activations = 3", "activations"),
        ("tensor = 3", "tensor"),
        ("tensor = ['@input']", "tensor"),
        ("[[tensor]]\ndtype = 'int16'", "match is missing"),
        ("[thresholds]\nmask_snr_db = 'good'", "mask_snr_db"),
        ("[thresholds]\nsnr = 30", "unknown key 'snr'"),
        ("[[tensor]]\nmatch = 4\ndtype = 'int16'", "match"),
    ],
)
def test_a_recipe_that_says_nonsense(refused, tmp_path, text, words):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(text)
    error = refused(GRU_MASK, "--recipe", recipe)
    assert "mine.toml" in error
    assert words in error


def test_a_recipe_that_is_not_text(refused, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_bytes(b"\xff\xfe\x00\x00")
    assert "mine.toml" in refused(GRU_MASK, "--recipe", recipe)
    assert "no such file" in refused(GRU_MASK, "--recipe", tmp_path)


# ---- ONNX


@pytest.fixture
def model():
    """A streaming GRU cell of 130 features, 65 outputs."""
    return gru(np.random.default_rng(0), 130, 65)


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "net.onnx")
    return folder / "net.onnx"


def test_onnx_with_operators_that_have_no_lowering_lists_them_all_by_node(refused, tmp_path, model):
    model.graph.node[-1].output[0] = "t"
    nodes = [
        helper.make_node("Asinh", ["t"], ["e"], name="bell"),
        helper.make_node("Acos", ["e"], ["s"], name="weights"),
        helper.make_node("Sigmoid", ["s"], ["y"], name="fine"),
    ]
    model.graph.node.extend(nodes)
    error = refused(saved(model, tmp_path))
    assert "Asinh (bell)" in error
    assert "Acos (weights)" in error
    assert "fine" not in error
    assert "Rewrite them" in error


def test_onnx_without_states(refused, tmp_path, model):
    del model.graph.output[1]
    error = refused(saved(model, tmp_path))
    assert "without states" in error
    assert "one frame a call" in error


@pytest.mark.parametrize(("value", "axis"), [("x", 1), ("h", 1)])
def test_onnx_with_an_open_axis_that_is_not_time(refused, tmp_path, model, value, axis):
    found = next(v for v in (*model.graph.input, *model.graph.output) if v.name == value)
    found.type.tensor_type.shape.dim[axis].dim_param = "rows"
    assert "cannot be run over" in refused(saved(model, tmp_path))


def test_onnx_without_shapes(refused, tmp_path, model):
    model.graph.input[0].type.tensor_type.ClearField("shape")
    error = refused(saved(model, tmp_path))
    assert "not a readable ONNX model" in error
    assert "'shape'" in error


def test_onnx_whose_shapes_contradict_each_other(refused, tmp_path, model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 99
    np.savez(tmp_path / "frames.npz", x=np.zeros((9, 99), np.float32))
    error = refused(saved(model, tmp_path), "--calibration", tmp_path / "frames.npz")
    assert "onnxruntime cannot run the network" in error or "do not fit together" in error


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_onnx_with_weights_that_are_not_finite(refused, tmp_path, model, bad):
    weights = next(t for t in model.graph.initializer if t.name == "R")
    array = onnx.numpy_helper.to_array(weights).copy()
    array[0, 3, 2] = bad
    weights.CopyFrom(onnx.numpy_helper.from_array(array, "R"))
    assert "weight 'R' holds NaN or infinity" in refused(saved(model, tmp_path))


def test_onnx_that_names_no_front_end_asks_for_one(refused, tmp_path, model):
    assert "--front-end" in refused(saved(model, tmp_path))


def test_onnx_that_does_not_fit_its_front_end(refused, tmp_path, few_clips):
    path = saved(gru(np.random.default_rng(0), 12, 8), tmp_path)
    front_end = tmp_path / "front_end.toml"
    front_end.write_text('features = "log"\n')
    error = refused(path, "--front-end", front_end, "--calibration", few_clips[0])
    assert "this front end has 65 values for the network's input 'x', which has 12" in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("features = ", "not TOML"),
        ('features = "mel"', "mel"),
        ("window = 3", "window"),
        ("hop = 'x'", "hop"),
    ],
)
def test_a_front_end_that_says_nonsense(refused, tmp_path, model, text, words):
    front_end = tmp_path / "front_end.toml"
    front_end.write_text(text)
    assert words in refused(saved(model, tmp_path), "--front-end", front_end)


def test_a_front_end_in_the_metadata_that_is_no_json(refused, tmp_path, model):
    entry = model.metadata_props.add()
    entry.key, entry.value = FRONT_END_KEY, "{"
    assert "'stapes.front_end': not JSON" in refused(saved(model, tmp_path))


def test_onnx_that_is_something_else(refused, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_text("not a model")
    assert "not a readable ONNX model" in refused(path)


def test_frames_for_calibration_that_do_not_fit(refused, tmp_path, model):
    path = saved(model, tmp_path)
    np.savez(tmp_path / "other.npz", z=np.zeros((4, 130), np.float32))
    np.savez(tmp_path / "short.npz", x=np.zeros((0, 130), np.float32))
    np.savez(tmp_path / "nan.npz", x=np.full((9, 130), np.nan, np.float32))
    (tmp_path / "text.npz").write_text("x")
    assert "no array 'x'" in refused(path, "--calibration", tmp_path / "other.npz")
    assert "not an .npz file" in refused(path, "--calibration", tmp_path / "text.npz")
    assert "names no front end" in refused(path, "--calibration", tmp_path)
    assert "holds no frames" in refused(path, "--calibration", tmp_path / "short.npz")
    assert "holds NaN" in refused(path, "--calibration", tmp_path / "nan.npz")
