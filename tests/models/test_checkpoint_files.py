"""What trainers and other programs write: their prefixes and formats are read, everything else is called by its name and refused."""

import json
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.sound_files import write_audio

from tests.helpers import OWN_CONFIG, PUBLISHED_CONFIG, published_checkpoint, random_network
from tests.models.gtcrn.networks import random_gtcrn


def content(**changes):
    return {"model_state_dict": dict(random_network().state_dict()), "model_config": dict(PUBLISHED_CONFIG)} | changes


def refusal(path):
    with pytest.raises(StapesError) as caught:
        checkpoint.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 600
    return message


# ---- what is read


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "_orig_mod.",
        "model.",
        "net.",
        "network.",
        "model.net.",
        "_orig_mod.module.",
        "model.module._orig_mod.",
    ],
)
@pytest.mark.parametrize("wrapped", ["state_dict", ""])
def test_prefixes_of_trainers_are_left_out_with_a_word(tmp_path, prefix, wrapped):
    network = random_network()
    state = {prefix + name: value for name, value in network.state_dict().items()}
    torch.save({wrapped: state, "epoch": 3} if wrapped else state, tmp_path / "a.ckpt")
    with pytest.warns(UserWarning, match="left out of its tensors' names") as told:
        model, _, info = checkpoint.load(tmp_path / "a.ckpt")
    assert repr(prefix) in str(told[0].message)
    assert info["network"] == "gru-mask"
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_prefix_is_left_out_for_gtcrn_too_and_inside_of_names(tmp_path):
    network = random_gtcrn()
    state = {f"module.{n}".replace("encoder.", "encoder._orig_mod."): v for n, v in network.state_dict().items()}
    torch.save({"model": state}, tmp_path / "a.tar")
    with pytest.warns(UserWarning, match="'module.' left out"):
        model, _, info = checkpoint.load(tmp_path / "a.tar")
    assert info["network"] == "gtcrn"
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in model.state_dict().items())


def test_what_a_trainer_holds_beside_the_network_is_named(tmp_path):
    state = {f"net.{name}": value for name, value in random_network().state_dict().items()}
    torch.save({"state_dict": {**state, "loss.window": torch.ones(4), "loss.mean": torch.ones(1)}}, tmp_path / "a.ckpt")
    with pytest.warns(UserWarning, match="not taken: loss.window and 1 more"):
        checkpoint.load(tmp_path / "a.ckpt")


def test_a_checkpoint_without_prefixes_says_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checkpoint.load(published_checkpoint(tmp_path / "a.pt"))


def test_safetensors_are_read_with_their_settings(tmp_path):
    published, own = random_network(), random_network(OWN_CONFIG)
    save_file(published.state_dict(), tmp_path / "bare.safetensors")
    model, _, _ = checkpoint.load(tmp_path / "bare.safetensors")
    assert all(torch.equal(value, published.state_dict()[name]) for name, value in model.state_dict().items())
    metadata = {"model_config": json.dumps(own.config.to_dict()), "format": "pt"}
    save_file(own.state_dict(), tmp_path / "own.safetensors", metadata)
    (tmp_path / "own.safetensors").rename(tmp_path / "renamed.pt")  # told by its bytes, not by its name
    model, sound_path, info = checkpoint.load(tmp_path / "renamed.pt")
    assert sound_path == own.config.sound_path()
    assert info["model_config"] == own.config.to_dict()
    assert all(torch.equal(value, own.state_dict()[name]) for name, value in model.state_dict().items())
    save_file(own.state_dict(), tmp_path / "bad.safetensors", {"model_config": "[" * 99999})
    assert "model_config: not JSON" in refusal(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_converted_with_a_word(tmp_path, dtype):
    state = {name: value.to(dtype) for name, value in random_network().state_dict().items()}
    torch.save(content(model_state_dict=state), tmp_path / "a.pt")
    with pytest.warns(UserWarning, match=f"{str(dtype).removeprefix('torch.')} weights converted to float32"):
        model, _, _ = checkpoint.load(tmp_path / "a.pt")
    assert all(torch.equal(value, state[name].float()) for name, value in model.state_dict().items())


# ---- what is something else


def _zip(path, **files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)


def _script(path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)


OTHERS = {
    "a.tflite": (lambda p: p.write_bytes(b"\x1c\0\0\0TFL3" + bytes(99)), "a TensorFlow Lite model", "float network"),
    "a.h5": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "an HDF5 file of Keras", "streaming ONNX"),
    "a.keras": (
        lambda p: _zip(p, **{"config.json": "{}", "metadata.json": "{}"}),
        "a model of Keras",
        "streaming ONNX",
    ),
    "a.npz": (lambda p: np.savez(p, a=np.zeros(3)), "arrays of numpy", "torch.save"),
    "a.npy": (lambda p: np.save(p, np.zeros(3)), "an array of numpy", "torch.save"),
    "a.pkl": (lambda p: p.write_bytes(pickle.dumps({"a": 1})), "a pickle", "torch.save"),
    "a.wav": (lambda p: write_audio(p, np.zeros(99, np.int16)), "a recording", "--calibration"),
    "a.tar.gz": (lambda p: p.write_bytes(b"\x1f\x8b" + bytes(99)), "a gzip archive", "unpack it"),
    "a.jit": (_script, "a TorchScript program", "torch.save(model.state_dict()"),
    "a.zip": (lambda p: _zip(p, hello="hello"), "not a torch checkpoint", "torch.save"),
    "a.safetensors": (lambda p: p.write_bytes(b"\xff" * 99), "not a safetensors file", "copy it again"),
    "a.onnx": (lambda p: p.write_bytes(b"\x08\x08"), "an ONNX file", "streaming ONNX"),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("renamed", [False, True])
def test_another_kind_of_file_is_called_by_its_name(tmp_path, name, renamed):
    make, what, remedy = OTHERS[name]
    if renamed and name in ("a.onnx", "a.safetensors"):
        pytest.skip("known by its name only")
    make(tmp_path / name)
    path = tmp_path / ("net.pt" if renamed else name)
    (tmp_path / name).rename(path)
    message = refusal(path)
    assert what in message
    assert remedy in message


RELATIVES = {
    "UL-UNAS": ("erb.erb_fc.weight", "encoder.en_convs.0.ops.4.ta_fc.bias", "decoder.de_convs.1.pconv2.2.fa.fc.bias"),
    "GTCRN-Micro": (
        "erb.erb_fc.weight",
        "encoder.en_convs.2.tra.att_lstm.weight_ih_l0",
        "dpgrnn1.inter_rnn.lstm1.bias",
    ),
}


@pytest.mark.parametrize("network", RELATIVES)
def test_relatives_of_gtcrn_are_known_by_name(tmp_path, network):
    torch.save({"model": {f"module.{name}": torch.zeros(3) for name in RELATIVES[network]}}, tmp_path / "a.tar")
    with pytest.warns(UserWarning, match="'module.'"):
        message = refusal(tmp_path / "a.tar")
    assert f"looks like a checkpoint of {network}" in message
    assert "streaming ONNX file" in message


# ---- what is damaged or hostile


def test_one_flipped_bit_in_any_member_is_seen(tmp_path):
    path = published_checkpoint(tmp_path / "a.pt")
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        contents = [archive.read(member) for member in archive.infolist()]
    rng = np.random.default_rng(0)
    for inside in contents:
        changed = bytearray(data)
        changed[data.index(inside) + int(rng.integers(len(inside)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        assert "damaged" in refusal(path)


def growing():
    """A list that has a thousand million items and takes a kilobyte."""
    items = [1] * 10
    for _ in range(8):
        items = [items] * 10
    return items


def quantised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch gives the kind up, files of it stay
        return torch.quantize_per_tensor(torch.zeros(65), 0.1, 0, torch.qint8)


def with_tensor(value):
    return lambda made: made["model_state_dict"].update({"fc2.bias": value})


HOSTILE = {
    "sparse": (with_tensor(torch.zeros(65).to_sparse()), "fc2.bias is sparse"),
    "meta": (with_tensor(torch.zeros(65, device="meta")), "fc2.bias has no values"),
    "complex": (with_tensor(torch.zeros(65, dtype=torch.complex64)), "fc2.bias is complex"),
    "integer": (with_tensor(torch.zeros(65, dtype=torch.int64)), "fc2.bias is torch.int64, not float"),
    "quantised": (lambda made: with_tensor(quantised())(made), "fc2.bias is quantised already"),
    "expanded": (with_tensor(torch.zeros(1).expand(65)), "fc2.bias repeats numbers"),
    "endless": (with_tensor(torch.zeros(1).expand(10**12)), "fc2.bias repeats numbers"),
    "overflow": (with_tensor(torch.full((65,), 1e300, dtype=torch.float64)), "fc2.bias holds NaN or Inf"),
    "number for a name": (lambda m: m["model_state_dict"].update({3: torch.zeros(1)}), "the tensor 3 has no text"),
    "tuple for a name": (lambda m: m["model_state_dict"].update({(1, 2): torch.zeros(1)}), "of type tuple"),
    "text for a tensor": (lambda m: m["model_state_dict"].update(note="x"), "no state dict found (it holds 'note')"),
    "tensor for a size": (lambda m: m.update(frame_samples=torch.tensor(128)), "frame_samples is a Tensor"),
    "tensors for a size": (lambda m: m.update(hop_samples=torch.tensor([64, 64])), "hop_samples is a Tensor"),
    "text for a size": (lambda m: m.update(sample_rate="16000"), "sample_rate is '16000'; it must be a whole number"),
    "tensor in the sizes": (
        lambda m: m["model_config"].update(hidden_dim=torch.tensor(128)),
        "model_config.hidden_dim is a Tensor",
    ),
    "boolean in the sizes": (lambda m: m["model_config"].update(num_layers=True), "num_layers is True"),
    "list of sizes": (lambda m: m.update(model_config=[1, 2]), "model_config: the document is a list"),
    "number in the front end": (lambda m: m.update(front_end={1: 2}), "front_end has the key 1"),
    "text as front end": (lambda m: m.update(front_end="log"), "front end: the document is 'log'; it must be a table"),
    "NaN in the front end": (lambda m: m.update(front_end={"xi_min_db": float("nan")}), "xi_min_db is nan"),
    "no end of settings": (lambda m: m.update(front_end=growing()), "front_end holds more than 1000 values"),
    "endless front end": (
        lambda m: m.update(front_end={"analysis": 2**40}),
        "analysis 1099511627776: give 4096 at most",
    ),
    "memory of the largest network": (
        lambda m: m["model_config"].update(hidden_dim=4096, num_layers=16),
        "tensors do not fit the network",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_no_network_holds_is_refused_in_one_line(tmp_path, kind):
    change, words = HOSTILE[kind]
    made = content()
    change(made)
    torch.save(made, tmp_path / "a.pt")
    assert words in refusal(tmp_path / "a.pt")


def test_a_bare_state_dict_that_does_not_fit_names_its_file(tmp_path):
    state = random_network(OWN_CONFIG).state_dict()
    torch.save(state, tmp_path / "bare.pt")
    assert "no model_config" in refusal(tmp_path / "bare.pt")
    torch.save({"gru.weight_ih_l0": torch.zeros(3), "gru.weight_hh_l0": torch.zeros(())}, tmp_path / "odd.pt")
    assert "no model_config" in refusal(tmp_path / "odd.pt")


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = published_checkpoint(tmp_path / "a.pt")
    whole = path.read_bytes()
    for size in (1, 3, 10, 100, 1000, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "not a torch checkpoint" in refusal(path)
