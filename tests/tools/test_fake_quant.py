"""Training for integer arithmetic: what it imitates is what the engine computes, and its gradients are the true ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from stapes.firmware_sim.compare import snr_db
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.onnx_export import export_onnx
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import read_audio
from stapes.quantize.build import quantise_weights
from stapes.quantize.onnx_reader import read_onnx
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe
from stapes.tools.training.agreement import masks_of, ranges_of
from stapes.tools.training.fake_quant import FakeQuantisedMask, Ranges, Recurrence, fake_rows, row_scales, snap
from stapes.tools.training.networks import started
from stapes.tools.training.recipe import load_recipe as load_training
from stapes.tools.zoo import GRU_MASK, GRU_MASK_SPARSE, GRU_MASK_W8A8
from torch.nn import functional

from tests.helpers import OWN_CONFIG, random_network
from tests.tools.test_training import RECIPE, corpus, run  # noqa: F401  (corpus is a fixture)

AUDIO = Path("tools/audio")
QUANTISATION = "\n[quantisation]\nsnr_weight = 0.01\n"


def features_of(folder: str, sound_path, frames: int) -> np.ndarray:
    """(N, frames, F) float32 of the noisy recordings that come with the project."""
    audio = [read_audio(path)[: frames * sound_path.hop] for path in sorted((AUDIO / folder).glob("*.flac"))[:3]]
    return FloatPipeline(sound_path).analyse(np.stack(audio))["features"].astype(np.float32)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The zoo network, its w8a8 graph, features, and the ranges of the graph for the imitation."""
    model, sound_path, _ = checkpoint.load(GRU_MASK_W8A8)
    path = tmp_path_factory.mktemp("onnx") / "zoo.onnx"
    export_onnx(model, sound_path, path)
    features = features_of("demo", sound_path, 500)
    _, source = read_onnx(path)
    calibration = [{"features": f} for f in features_of("calibration", sound_path, 500)]
    return model, quantise(source, load_recipe("w8a8"), calibration).graph, features


def test_imitation_is_nearer_to_the_integer_engine_than_the_float_network_is(network):
    """Two int8 networks that round alike but for the last bit of a sum: a code of the last layer is three of the mask."""
    model, graph, features = network
    imitation = FakeQuantisedMask(model, ranges_of(graph, 2))
    every = torch.ones(len(features), dtype=torch.bool)
    with torch.no_grad():
        ours = imitation(torch.from_numpy(features), int8=True, features_int8=every).numpy()
        float_masks = model(torch.from_numpy(features))[0].numpy()
    integer = masks_of(graph, features)
    assert np.abs(ours - integer)[:, 0].max() <= 8 / 256
    assert np.abs(ours - integer).mean() < 2.5 / 256
    assert snr_db(integer, ours) > max(30.0, snr_db(integer, float_masks) + 10.0)


def test_imitation_without_int8_activations_is_the_float_network(network):
    model, _, features = network
    snapped = random_network(OWN_CONFIG, seed=1)
    snap(snapped)
    for net in (model, snapped):
        x = torch.from_numpy(features[:, :100])
        with torch.no_grad():
            assert torch.allclose(FakeQuantisedMask(net, Ranges())(x, int8=False), net(x)[0], atol=2e-5)


def test_snapped_weights_come_back_from_the_quantiser_bit_by_bit():
    rng = np.random.default_rng(0)
    weights = torch.from_numpy((rng.standard_normal((500, 40)) * 10 ** rng.uniform(-4, 2, (500, 1))).astype(np.float32))
    weights[3] = 0.0
    snapped = fake_rows(weights)
    codes, scales = quantise_weights(snapped.double().numpy(), "channel")
    used = np.arange(500) != 3
    assert np.array_equal(scales[used], row_scales(weights).numpy()[used])
    assert np.array_equal(codes * scales[:, None].astype(np.float64), snapped.double().numpy())
    assert torch.equal(fake_rows(snapped), snapped)
    assert (np.abs((snapped - weights).numpy()) <= 0.5001 * row_scales(weights).numpy()[:, None]).all()


def test_graph_of_a_snapped_network_holds_its_weights_exactly(tmp_path):
    model = random_network(OWN_CONFIG, seed=2)
    snap(model)
    sound_path = model.config.sound_path()
    export_onnx(model, sound_path, tmp_path / "net.onnx")
    _, source = read_onnx(tmp_path / "net.onnx")
    frames = features_of("calibration", sound_path, 50)
    graph = quantise(source, load_recipe("w8a8"), [{"features": f} for f in frames]).graph
    rows = {row.tobytes() for p in model.parameters() if p.ndim == 2 for row in p.detach().numpy()}
    matrices = [t for t in graph.tensors.values() if t.data is not None and t.dtype == "int8"]
    assert sum(len(t.data) for t in matrices) == sum(len(p) for p in model.parameters() if p.ndim == 2)
    for t in matrices:
        real = t.data.astype(np.float32) * t.scale.reshape(-1, 1).astype(np.float32)
        assert {row.tobytes() for row in real} <= rows


def test_published_network_is_refused_when_it_cannot_be_imitated():
    """LayerNorm runs in int16 in every recipe, which is not imitated."""
    with pytest.raises(StapesError, match="narrow_dim"):
        FakeQuantisedMask(random_network(), Ranges())


def reference_layer(x_gates, x_candidate, weights, bias, ranges, name):
    """The recurrence of an int8 layer written with torch's own operators, whose gradients torch derives."""
    beyond = 1.0 + 2.0**-13

    def fake(x, role):
        return torch.fake_quantize_per_tensor_affine(x, *ranges.format(f"{name}/{role}"), -128, 127)

    h = torch.zeros(x_gates.shape[1], x_candidate.shape[2])
    size, states = h.shape[1], []
    for xg, xn in zip(x_gates, x_candidate, strict=True):
        g = functional.linear(h, weights, bias)
        gate = torch.sigmoid(fake(fake(g[:, : 2 * size], "h_gates") + xg, "a_gates"))
        scale = 2.0**-8 * (3 * beyond - 2)
        gate = torch.fake_quantize_per_tensor_affine(gate, scale, -128, -128, 127)
        rhn = fake(gate[:, :size] * fake(g[:, 2 * size :], "hn"), "hn")
        n = torch.tanh(fake(xn + rhn, "an"))
        n = torch.fake_quantize_per_tensor_affine(n, 2.0**-7 * beyond, 0, -128, 127)
        zn = torch.fake_quantize_per_tensor_affine(gate[:, size:] * n, 2.0**-7 * beyond, 0, -128, 127)
        zh = torch.fake_quantize_per_tensor_affine(gate[:, size:] * h, 2.0**-7 * beyond, 0, -128, 127)
        h = n - zn + zh
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("int8", [False, True])
def test_gradients_are_those_that_torch_derives(int8):
    generator = torch.Generator().manual_seed(0)
    frames, batch, size = 25, 3, 16
    values = [
        torch.randn(*shape, generator=generator) * scale
        for shape, scale in (
            ((frames, batch, 2 * size), 2.0),
            ((frames, batch, size), 1.0),
            ((3 * size, size), 0.4),
            ((3 * size,), 0.2),
        )
    ]
    ranges = Ranges()
    # Tight enough that some values are clipped, whose gradients must then vanish.
    ranges.values = {"g/h_gates": [-1.5, 1.4], "g/hn": [-4.0, 4.0], "g/a_gates": [-4.0, 4.0], "g/an": [-2.0, 2.0]}
    wanted = torch.randn(frames, batch, size, generator=generator)
    results = []
    for own in (True, False):
        inputs = [v.clone().requires_grad_() for v in values]
        if own:
            states = Recurrence.apply(*inputs, ranges if int8 else None, "g")
        elif int8:
            states = reference_layer(*inputs, ranges, "g")
        else:
            gru = torch.nn.GRU(1, size)
            packed = [torch.zeros(3 * size, 1), inputs[2], torch.zeros(3 * size), inputs[3]]
            states = float_gru(inputs, gru, packed)
        (states * wanted).sum().backward()
        results.append((states.detach(), [x.grad for x in inputs]))
    (ours, our_grads), (theirs, their_grads) = results
    assert torch.allclose(ours, theirs, atol=1e-5)
    for a, b in zip(our_grads, their_grads, strict=True):
        assert float(b.abs().max()) > 0.01
        # The slope of a gate is taken at its rounded value: half a step of 1/256 on either side.
        assert float((a - b).norm() / b.norm()) < (0.02 if int8 else 1e-5)


def float_gru(inputs, gru, packed):
    """torch's GRU on input terms that are given: its input is the terms themselves, its input weights the identity."""
    x = torch.cat((inputs[0], inputs[1]), 2)
    identity = torch.eye(x.shape[2])
    return torch.gru(
        x, torch.zeros(1, x.shape[1], inputs[1].shape[2]), [identity, packed[1], packed[2], packed[3]],
        True, 1, 0.0, False, False, False,
    )[0]  # fmt: skip


def test_interrupted_fine_tuning_ends_in_the_same_bytes(corpus, tmp_path):  # noqa: F811
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    first = run(recipe, corpus, tmp_path / "float") / "model.pt"
    recipe.write_text(RECIPE.replace("dropout = 0.1", "dropout = 0.1\n").replace("seed = 3", "seed = 4") + QUANTISATION)
    whole = run(recipe, corpus, tmp_path / "whole", start=first)
    for stop in (3, None):
        pieces = run(recipe, corpus, tmp_path / "pieces", start=first, stop_after=stop)
    assert (whole / "model.pt").read_bytes() == (pieces / "model.pt").read_bytes() != first.read_bytes()
    model, _, _ = checkpoint.load(whole / "model.pt")
    for parameter in model.parameters():
        assert parameter.ndim != 2 or torch.equal(fake_rows(parameter), parameter)
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert len([line for line in lines if "validation_pesq" in line]) == 3


@pytest.mark.parametrize("tuned", [GRU_MASK_W8A8, GRU_MASK_SPARSE], ids=lambda path: path.stem)
def test_fine_tunings_of_the_zoo_start_from_its_weights_with_the_mask_floor_of_their_recipes(tuned):
    asked = load_training(tuned.with_suffix(".toml")).model
    model = started(GRU_MASK, asked)
    assert model.config == asked
    assert torch.equal(model.state_dict()["narrow.weight"], checkpoint.load(GRU_MASK)[0].state_dict()["narrow.weight"])


def test_start_from_another_network_is_refused(corpus, tmp_path):  # noqa: F811
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE + QUANTISATION)
    with pytest.raises(StapesError, match="another network"):
        run(recipe, corpus, tmp_path / "out", start=GRU_MASK_W8A8)


def test_quantised_layer_in_c_is_that_of_torch_forwards_and_backwards():
    torch.manual_seed(0)
    ranges = Ranges()
    ranges.values = {"l/h_gates": [-1.0, 1.2], "l/hn": [-0.8, 0.9], "l/a_gates": [-2.0, 2.5], "l/an": [-1.5, 1.4]}
    x = torch.fake_quantize_per_tensor_affine(torch.randn(40, 8, 3 * 64), 0.02, 3, -128, 127)
    weights, bias, wanted = 0.1 * torch.randn(3 * 64, 64), 0.1 * torch.randn(3 * 64), torch.randn(40, 8, 64)
    results = []
    for function in (
        lambda x, w, b: Recurrence.apply(x[..., :128], x[..., 128:], w, b, ranges, "l"),
        lambda x, w, b: FakeQuantisedMask._quantised_layer("l", x[..., :128], x[..., 128:], w, b, ranges),
    ):
        inputs = [value.clone().requires_grad_() for value in (x, weights, bias)]
        states = function(*inputs)
        (states * wanted).sum().backward()
        results.append((states.detach(), *(value.grad for value in inputs)))
    torchs, cs = results
    # Sums in another order fall on the other side of a rounding now and then, one code apart.
    assert (torchs[0] - cs[0]).abs().gt(1e-4).float().mean() < 0.05
    assert snr_db(torchs[0].numpy(), cs[0].numpy()) > 40
    for a, b in zip(torchs[1:], cs[1:], strict=True):
        assert snr_db(a.numpy(), b.numpy()) > 25
