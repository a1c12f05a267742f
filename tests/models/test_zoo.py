"""The shipped checkpoints: what their recipes describe, and better than the Wiener filter that they stand behind."""

import dataclasses
import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.frontend import FrontEnd
from stapes.models.onnx_export import to_proto
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import read_audio
from stapes.tools.zoo import GRU_MASK, GRU_MASK_SPARSE, GRU_MASK_W8A8
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

ROOT = Path(__file__).parents[2]
ZOO = GRU_MASK.parent
DEMO = sorted((ROOT / "tools" / "audio" / "demo").rglob("*noisy*.*"))


@pytest.fixture(scope="module", params=sorted(path.stem for path in ZOO.glob("*.pt")))
def shipped(request):
    """A GRU mask that comes along: name, network, front end, what the file says."""
    return request.param, *checkpoint.load(ZOO / f"{request.param}.pt")


def test_shipped_checkpoint_is_the_network_of_its_recipe(shipped):
    name, model, frontend, info = shipped
    recipe = tomllib.loads((ZOO / f"{name}.toml").read_text())
    used = {name: value for name, value in recipe["deployment"].items() if name in info["model_config"]}
    asked = {**recipe["model"], **used}
    assert {name: info["model_config"][name] for name in asked} == asked
    assert frontend == dataclasses.replace(model.config.front_end(), **recipe["deployment"])
    assert info["format"] == "own"


def test_streaming_onnx_file_of_a_shipped_checkpoint_keeps_its_bytes(shipped):
    """A bundle's hash holds those of the file; nothing in it is computed, so the bytes are those of every machine."""
    name, model, frontend, _ = shipped
    known = {
        "gru_mask": "7b4e3414453ba455ea10434830e6d7324ae3e70ee1f03521947d09ba1587571d",
        "gru_mask_w8a8": "aa134068ab6120cb154615d1feb83ebe92c3325682bd726539af12561e6b3832",
        "gru_mask_sparse": "281234042847557f8b0928605fe33c319b9ff97de4737aa5d2cf72ee29dbd848",
    }
    content = to_proto(model, frontend).SerializeToString(deterministic=True)
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


def test_shipped_checkpoint_is_written_as_this_version_writes_it(shipped, tmp_path):
    name, model, frontend, _ = shipped
    checkpoint.save(tmp_path / "again.pt", model, frontend)
    assert (tmp_path / "again.pt").read_bytes() == (ZOO / f"{name}.pt").read_bytes()


def _si_sdr_db(output, clean):
    return float(
        scale_invariant_signal_distortion_ratio(torch.from_numpy(output.copy()), torch.from_numpy(clean.copy()))
    )


@pytest.mark.skipif(not DEMO, reason="the demo recordings are not installed")
def test_network_betters_the_wiener_filter_on_the_demo_recordings(shipped):
    _, model, frontend, _ = shipped
    gains = []
    for noisy_path in DEMO:
        noisy = read_audio(noisy_path)
        clean = read_audio(noisy_path.with_name(noisy_path.name.replace("noisy", "clean"))).astype(np.float64)
        delay = frontend.delay
        outputs = [FloatPipeline(f, m).run(noisy)[delay:] for f, m in ((FrontEnd(), None), (frontend, model))]
        wiener, network = (_si_sdr_db(output, clean[:-delay]) for output in outputs)
        gains.append(network - wiener)
    assert np.mean(gains) > 0.5


def test_network_takes_noise_alone_away_almost_to_the_floor(shipped):
    _, model, frontend, _ = shipped
    noise = 0.02 * np.random.default_rng(0).standard_normal(16000 * 4)
    out = FloatPipeline(frontend, model).run(noise)[16000:]
    assert 20 * np.log10(np.std(out) / 0.02) < frontend.mask_floor_db + 4
