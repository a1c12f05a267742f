"""Where a training computes: a GPU that is not there is refused, and no step mixes devices."""

import pytest
import torch
from stapes.models.errors import Remark, StapesError
from stapes.tools.training import networks, precision
from stapes.tools.training.objective import make_objective
from stapes.tools.training.pool import Batch
from stapes.tools.training.recipe import GtcrnModel, load_recipe

from tests.tools.test_gtcrn_training import RECIPE as GTCRN
from tests.tools.test_training import RECIPE, corpus, run  # noqa: F401  (corpus is a fixture)

ALL_TERMS = """
[loss]
suppression_weight = 1.0
intelligibility_weight = 1.0
loudness_weight = 1.0
multi_scale_weight = 1.0
"""


def test_absent_gpu_and_unknown_device_are_refused_before_anything_is_written(corpus, tmp_path, monkeypatch):  # noqa: F811
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, word in (("cuda", "give --device cpu"), ("tpu", "cpu or cuda")):
        with pytest.raises(StapesError, match=word):
            run(recipe, corpus, tmp_path / "out", device=name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ['[model]\nkind = "gtcrn"', "[model]\ngain_input = true\nnarrow_dim = 64"])
def test_no_step_mixes_devices(tmp_path, monkeypatch, model):
    """Tensors without values, which no operation takes together with those of the processor."""
    path, meta = tmp_path / "recipe.toml", torch.device("meta")
    path.write_text(model + ALL_TERMS)
    recipe = load_recipe(path)
    take = torch.Tensor.__getitem__

    def some_or_all(tensor, index):
        if isinstance(index, torch.Tensor) and index.dtype == torch.bool:
            assert index.device == tensor.device
            return tensor.clone()
        return take(tensor, index)

    monkeypatch.setattr(torch.Tensor, "__float__", lambda tensor: 1.0)
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda tensor: True)
    monkeypatch.setattr(torch.Tensor, "__getitem__", some_or_all)
    sound_path, network = recipe.model.sound_path(), networks.make(recipe.model).to(meta)
    frames = 8000 // sound_path.hop
    features = torch.rand(8, frames, 0 if isinstance(recipe.model, GtcrnModel) else sound_path.feature_size)
    gain = torch.rand(8, frames, 0 if isinstance(recipe.model, GtcrnModel) else sound_path.transform.bins)
    noisy = torch.rand(8, sound_path.transform.analysis + (frames - 1) * sound_path.hop)
    batch = Batch(features, gain, noisy, torch.rand(8, (frames - 1) * sound_path.hop))
    with pytest.raises(RuntimeError, match="device"):
        make_objective(recipe, network)(batch)
    loss, _ = make_objective(recipe, network)(batch.to(meta))
    loss.backward()
    assert loss.device == meta
    assert all(p.grad.device == meta for p in network.parameters() if p.requires_grad)


def test_mixed_precision_rounds_the_network_and_not_the_loss(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[model]\ngain_input = true\nnarrow_dim = 64")
    recipe = load_recipe(path)
    network, sound_path = networks.make(recipe.model), recipe.model.sound_path()
    frames = 4000 // sound_path.hop
    features, gain = torch.rand(2, frames, sound_path.feature_size), torch.rand(2, frames, sound_path.transform.bins)
    noisy = torch.rand(2, sound_path.transform.analysis + (frames - 1) * sound_path.hop)
    batch = Batch(features, gain, noisy, torch.rand(2, (frames - 1) * sound_path.hop))
    exact, rounded = (make_objective(recipe, network, mixed=mixed)(batch)[0].detach() for mixed in (False, True))
    assert rounded.dtype == torch.float32
    assert 0 < abs(float(exact - rounded)) < 0.02 * abs(float(exact))


def test_mixed_precision_tells_where_it_does_not_pay_or_fit(tmp_path, monkeypatch):
    path = tmp_path / "recipe.toml"
    path.write_text("[quantisation]\n")
    recipe = load_recipe(path)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    with pytest.warns(Remark, match="no instructions for bfloat16"):
        precision.check(torch.device("cpu"), recipe)
    with pytest.raises(StapesError, match="leave one of them out"):
        precision.check(torch.device("cuda"), recipe)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize(
    "text", [GTCRN, RECIPE, RECIPE + "[quantisation]\n", RECIPE + '[quantisation]\nimitate = "weights"\n']
)
def test_training_on_a_gpu_goes_on_and_ends_in_a_checkpoint(corpus, tmp_path, text):  # noqa: F811
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    run(recipe, corpus, tmp_path / "out", device="cuda", stop_after=3)
    out = run(recipe, corpus, tmp_path / "out", device="cuda")
    for name in ("model.pt", "best.pt"):
        content = torch.load(out / name, weights_only=True)
        state = content.get("model_state_dict") or content["model"]
        assert {value.device.type for value in state.values()} == {"cpu"}
