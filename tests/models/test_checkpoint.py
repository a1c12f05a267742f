"""Checkpoints: every promised format loads as it is, and every kind of bad file is refused by one clear line."""

import zipfile

import numpy as np
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.errors import StapesError

from tests.helpers import OWN_CONFIG, PUBLISHED_CONFIG, published_checkpoint, random_network
from tests.models.gtcrn.networks import random_gtcrn


def test_published_checkpoint_loads_as_it_is(tmp_path):
    model, sound_path, info = checkpoint.load(published_checkpoint(tmp_path / "a.pt", seed=4))
    assert info["format"] == "published"
    assert info["parameters"] == 198_979
    assert [stage.kind for stage in sound_path.stages] == [
        "transform",
        "power",
        "wiener",
        "magnitude",
        "mask",
        "inverse",
    ]
    assert (sound_path.transform.analysis, sound_path.hop, sound_path.filter.floor_db) == (128, 64, None)
    expected = random_network(seed=4).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    assert not model.training


def test_published_names_and_shapes_are_exactly_these():
    shapes = {name: tuple(value.shape) for name, value in random_network().state_dict().items()}
    assert shapes == {
        "input_norm.weight": (65,),
        "input_norm.bias": (65,),
        "gru.weight_ih_l0": (384, 65),
        "gru.weight_hh_l0": (384, 128),
        "gru.bias_ih_l0": (384,),
        "gru.bias_hh_l0": (384,),
        "gru.weight_ih_l1": (384, 128),
        "gru.weight_hh_l1": (384, 128),
        "gru.bias_ih_l1": (384,),
        "gru.bias_hh_l1": (384,),
        "fc1.weight": (128, 128),
        "fc1.bias": (128,),
        "fc2.weight": (65, 128),
        "fc2.bias": (65,),
    }


def test_bare_state_dict_loads_with_sizes_from_its_shapes(tmp_path):
    network = random_network({**PUBLISHED_CONFIG, "hidden_dim": 48, "num_layers": 3})
    torch.save(network.state_dict(), tmp_path / "a.pth")
    model, _, info = checkpoint.load(tmp_path / "a.pth")
    assert info["format"] == "bare"
    assert (model.config.hidden_dim, model.config.num_layers, model.bins) == (48, 3, 65)


def test_own_format_comes_back_with_front_end_and_weights(tmp_path):
    network = random_network(OWN_CONFIG)
    sound_path = network.config.sound_path()
    checkpoint.save(tmp_path / "a.pt", network, sound_path)
    model, loaded, info = checkpoint.load(tmp_path / "a.pt")
    assert loaded == sound_path
    assert info["format"] == "own"
    assert info["model_config"] == network.config.to_dict()
    x = torch.randn(2, 5, 130)
    assert torch.equal(model(x)[0], network(x)[0])


def test_equal_weights_give_equal_bytes_whatever_the_path(tmp_path):
    network = random_network(OWN_CONFIG)
    checkpoint.save(tmp_path / "a.pt", network, network.config.sound_path())
    model, sound_path, _ = checkpoint.load(tmp_path / "a.pt")
    checkpoint.save(tmp_path / "other.pt", model, sound_path)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "other.pt").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pt", "other.pt"]


class RunsCode:
    def __reduce__(self):
        return (print, ("this must never be printed",))


def _deep_filter_net(path):
    names = ["enc.erb_conv0.1.weight", "erb_dec.conv3p.0.weight", "df_dec.df_gru.weight"]
    torch.save({name: torch.zeros(3) for name in names}, path)


def _changed(change):
    def make(path):
        content = torch.load(published_checkpoint(path), weights_only=True)
        change(content["model_state_dict"], content)
        torch.save(content, path)

    return make


def _zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")


BAD = {
    "absent": (lambda p: None, "no such"),
    "empty": (lambda p: p.write_bytes(b""), "not a torch checkpoint"),
    "text": (lambda p: p.write_text("hello, I am a text file"), "not a torch checkpoint"),
    "zip": (_zip, "not a torch checkpoint"),
    "half": (lambda p: p.write_bytes(published_checkpoint(p).read_bytes()[:300_000]), "not a torch checkpoint"),
    "code": (lambda p: torch.save({"model_state_dict": RunsCode()}, p), "would run code"),
    "module": (lambda p: torch.save(random_network(), p), "would run code"),
    "scalar": (lambda p: torch.save({"best": np.float64(1), "model": {}}, p), "would run code"),
    "tensor": (lambda p: torch.save(torch.zeros(3), p), "holds a Tensor"),
    "dict": (lambda p: torch.save({"a": 1}, p), "no state dict"),
    "deep_filter_net": (_deep_filter_net, "looks like a checkpoint of DeepFilterNet"),
    "unknown": (lambda p: torch.save({"conv.weight": torch.zeros(3)}, p), "unknown network"),
    "missing": (_changed(lambda s, c: s.pop("fc1.bias")), "missing fc1.bias"),
    "extra": (_changed(lambda s, c: s.update({"fc3.bias": torch.zeros(2)})), "unexpected fc3.bias"),
    "shape": (
        _changed(lambda s, c: c["model_config"].update(hidden_dim=64)),
        r"fc1.weight has shape \(128, 128\)|has shape",
    ),
    "nan": (_changed(lambda s, c: s["gru.bias_hh_l1"].fill_(float("nan"))), "gru.bias_hh_l1 holds NaN"),
    "inf": (_changed(lambda s, c: s["fc2.weight"].fill_(float("inf"))), "fc2.weight holds NaN or Inf"),
    "integer": (_changed(lambda s, c: s.update({"fc2.bias": torch.zeros(65, dtype=torch.int8)})), "not float"),
    "rate": (_changed(lambda s, c: c.update(sample_rate=48000)), "sample_rate is 48000"),
    "hop": (_changed(lambda s, c: c.update(hop_samples=128)), "hop_samples is 128"),
    "field": (_changed(lambda s, c: c["model_config"].update(heads=4)), "unknown key .heads."),
    "disagree": (_changed(lambda s, c: c.update(front_end={"features": "log"})), "disagree on features"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_checkpoint_is_refused_by_one_line_that_names_it(tmp_path, kind, capfd):
    make, words = BAD[kind]
    path = tmp_path / "bad.pt"
    make(path)
    with pytest.raises(StapesError, match=words) as caught:
        checkpoint.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert "never be printed" not in capfd.readouterr().out


def test_onnx_file_is_sent_to_the_other_door(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(StapesError, match="ONNX"):
        checkpoint.load(tmp_path / "a.onnx")


def test_own_network_without_its_config_cannot_be_guessed(tmp_path):
    torch.save(random_network(OWN_CONFIG).state_dict(), tmp_path / "a.pt")
    with pytest.raises(StapesError, match="model_config"):
        checkpoint.load(tmp_path / "a.pt")


def test_failed_save_leaves_nothing(tmp_path):
    network = random_network()
    with pytest.raises(StapesError, match="cannot be written"):
        checkpoint.save(tmp_path / "absent" / "a.pt", network, network.config.sound_path())
    assert list(tmp_path.iterdir()) == []


def gtcrn_checkpoint(path, change=lambda state: None):
    state = random_gtcrn().state_dict()
    change(state)
    torch.save({"epoch": 96, "optimizer": {"state": {}}, "model": state}, path)
    return path


def test_gtcrn_loads_in_the_official_form_and_bare(tmp_path):
    expected = random_gtcrn().state_dict()
    torch.save(expected, tmp_path / "bare.pth")
    for path, form in ((gtcrn_checkpoint(tmp_path / "a.tar"), "published"), (tmp_path / "bare.pth", "bare")):
        model, sound_path, info = checkpoint.load(path)
        assert (info["network"], info["format"], info["parameters"]) == ("gtcrn", form, 48_245)
        assert (sound_path.transform.analysis, sound_path.hop, sound_path.before[-1].kind) == (512, 256, "complex")
        assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
        assert not model.training


BAD_GTCRN = {
    "missing": (lambda s: s.pop("dpgrnn2.inter_ln.bias"), "missing dpgrnn2.inter_ln.bias; save the whole state dict"),
    "extra": (lambda s: s.update({"encoder.en_convs.5.conv.weight": torch.zeros(1)}), "unexpected encoder.en_convs.5"),
    "width": (
        lambda s: s.update({"erb.erb_fc.weight": torch.zeros(32, 192)}),
        r"erb.erb_fc.weight has shape \(32, 192\), GTCRN's is \(64, 192\); only the official widths",
    ),
    "nan": (lambda s: s["encoder.en_convs.3.depth_conv.bias"].fill_(float("nan")), "3.depth_conv.bias holds NaN"),
    "inf": (
        lambda s: s["decoder.de_convs.4.bn.running_mean"].fill_(float("inf")),
        "4.bn.running_mean holds NaN or Inf",
    ),
    "large": (
        lambda s: s.update({"dpgrnn1.intra_fc.bias": torch.full((16,), 1e300, dtype=torch.float64)}),
        "dpgrnn1.intra_fc.bias holds NaN or Inf",
    ),
    "variance": (lambda s: s["encoder.en_convs.0.bn.running_var"].fill_(-1.0), "0.bn.running_var holds a negative"),
    "integer": (
        lambda s: s.update({"dpgrnn1.intra_fc.bias": torch.zeros(16, dtype=torch.int8)}),
        "dpgrnn1.intra_fc.bias is torch.int8, not float",
    ),
}


@pytest.mark.parametrize("kind", BAD_GTCRN)
def test_bad_checkpoint_of_gtcrn_is_refused_by_one_line_that_names_the_tensor(tmp_path, kind):
    change, words = BAD_GTCRN[kind]
    path = gtcrn_checkpoint(tmp_path / "bad.tar", change)
    with pytest.raises(StapesError, match=words) as caught:
        checkpoint.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_network_than_asked_for_is_refused(tmp_path):
    with pytest.raises(StapesError, match=r"a checkpoint of gtcrn, not of gru-mask; give --model gtcrn"):
        checkpoint.load(gtcrn_checkpoint(tmp_path / "a.tar"), "gru-mask")
    with pytest.raises(StapesError, match="a checkpoint of gru-mask, not of gtcrn"):
        checkpoint.load(published_checkpoint(tmp_path / "b.pt"), "gtcrn")
