"""The shipped checkpoints: what their recipes describe, and better than the Wiener filter that they stand behind."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.audio.front_end import with_front_end
from stapes.models.onnx_export import to_proto
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import read_audio
from stapes.tools.zoo import GRU_MASK, GRU_MASK_SPARSE, GRU_MASK_W8A8
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from tests.helpers import sound_path_of

ROOT = Path(__file__).parents[2]
ZOO = GRU_MASK.parent
DEMO = sorted((ROOT / "tools" / "audio" / "demo").rglob("*noisy*.*"))


@pytest.fixture(scope="module", params=sorted(path.stem for path in ZOO.glob("*.pt")))
def shipped(request):
    """A GRU mask that comes along: name, network, front end, what the file says."""
    return request.param, *checkpoint.load(ZOO / f"{request.param}.pt")


def test_shipped_checkpoint_is_the_network_of_its_recipe(shipped):
    name, model, sound_path, info = shipped
    recipe = tomllib.loads((ZOO / f"{name}.toml").read_text())
    used = {name: value for name, value in recipe["deployment"].items() if name in info["model_config"]}
    asked = {**recipe["model"], **used}
    assert {name: info["model_config"][name] for name in asked} == asked
    assert sound_path == with_front_end(model.config.sound_path(), recipe["deployment"])
    assert info["format"] == "own"


def test_streaming_onnx_file_of_a_shipped_checkpoint_keeps_its_bytes(shipped):
    """A bundle's hash holds those of the file; nothing in it is computed, so the bytes are those of every machine."""
    name, model, sound_path, _ = shipped
    known = {
        "gru_mask": "8f27420c0e0ddcc91d8e65e066196eed6820d631ac3c6b344e1d25e784efa312",
        "gru_mask_w8a8": "088431b55744928f592df9f9d082fb0ac13aa3f348a274e8ba0ebf06e769b9c1",
        "gru_mask_sparse": "de5c97f108781131267bbed505de25443a6d01906c7f3682ee4c298ff0bde7f4",
    }
    content = to_proto(model, sound_path).SerializeToString(deterministic=True)
    assert hashlib.sha256(content).hexdigest() == known[name]


def test_half_of_the_blocks_of_the_sparse_network_are_zeros_as_its_recipe_says():
    pruning = tomllib.loads(GRU_MASK_SPARSE.with_suffix(".toml").read_text())["pruning"]
    rows, columns = pruning["block"]
    state = checkpoint.load(GRU_MASK_SPARSE)[0].state_dict()
    matrices = {name: weights for name, weights in state.items() if weights.ndim == 2}
    assert len(matrices) == 6
    for name, weights in matrices.items():
        blocks = [block for band in weights.split(rows) for block in band.split(columns, dim=1)]
        zeros = sum(not block.any() for block in blocks)
        assert zeros == pytest.approx(pruning["fraction"] * len(blocks), abs=2), name


def test_networks_that_come_along_are_of_one_shape():
    states = [checkpoint.load(path)[0].state_dict() for path in (GRU_MASK, GRU_MASK_W8A8, GRU_MASK_SPARSE)]
    assert len({str({name: tuple(weights.shape) for name, weights in state.items()}) for state in states}) == 1


def test_every_shipped_checkpoint_has_a_card_and_a_recipe():
    for path in ZOO.glob("*.pt"):
        assert path.with_suffix(".toml").is_file(), path.name
        assert "## Licence" in path.with_suffix(".md").read_text(), path.name


def test_shipped_checkpoint_keeps_its_path_and_weights_where_it_is_written_again(shipped, tmp_path):
    """The files are of an earlier version, with a flat table in the place of stages."""
    _, model, sound_path, info = shipped
    checkpoint.save(tmp_path / "again.pt", model, sound_path)
    again, path_again, info_again = checkpoint.load(tmp_path / "again.pt")
    assert (path_again, info_again) == (sound_path, info)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def _si_sdr_db(output, clean):
    return float(
        scale_invariant_signal_distortion_ratio(torch.from_numpy(output.copy()), torch.from_numpy(clean.copy()))
    )


@pytest.mark.skipif(not DEMO, reason="the demo recordings are not installed")
def test_network_betters_the_wiener_filter_on_the_demo_recordings(shipped):
    _, model, sound_path, _ = shipped
    gains = []
    for noisy_path in DEMO:
        noisy = read_audio(noisy_path)
        clean = read_audio(noisy_path.with_name(noisy_path.name.replace("noisy", "clean"))).astype(np.float64)
        delay = sound_path.delay
        outputs = [FloatPipeline(f, m).run(noisy)[delay:] for f, m in ((sound_path_of(), None), (sound_path, model))]
        wiener, network = (_si_sdr_db(output, clean[:-delay]) for output in outputs)
        gains.append(network - wiener)
    assert np.mean(gains) > 0.5


def test_network_takes_noise_alone_away_almost_to_the_floor(shipped):
    _, model, sound_path, _ = shipped
    noise = 0.02 * np.random.default_rng(0).standard_normal(16000 * 4)
    out = FloatPipeline(sound_path, model).run(noise)[16000:]
    assert 20 * np.log10(np.std(out) / 0.02) < sound_path.filter.floor_db + 4
