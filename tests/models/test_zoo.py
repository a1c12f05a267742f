"""The shipped checkpoints: what their recipes describe, and better than the Wiener filter that they stand behind."""

import dataclasses
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from models import checkpoint
from models.audio import read_audio
from models.frontend import FrontEnd
from models.pipeline import FloatPipeline

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "models" / "zoo"
DEMO = sorted((ROOT / "tools" / "audio" / "demo").rglob("*noisy*.*"))


# Checkpoint -> the recipe of its last training.
RECIPES = {"gru_mask": "gru_mask_qat", "gru_mask_sparse": "gru_mask_sparse"}


@pytest.fixture(scope="module", params=RECIPES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def shipped(name):
    return checkpoint.load(ZOO / f"{name}.pt")


def test_every_checkpoint_of_the_zoo_has_a_recipe_and_a_card():
    assert {path.stem for path in ZOO.glob("*.pt")} == set(RECIPES)
    assert all((ZOO / f"{name}.md").is_file() for name in RECIPES)


def test_both_trainings_of_the_whole_network_are_of_one_network():
    first, last = (tomllib.loads((ZOO / f"{name}.toml").read_text()) for name in ("gru_mask", "gru_mask_qat"))
    assert first["model"] == last["model"]


def test_shipped_checkpoint_is_the_network_of_its_recipe(name, shipped):
    model, frontend, info = shipped
    recipe = tomllib.loads((ZOO / f"{RECIPES[name]}.toml").read_text())
    used = {name: value for name, value in recipe["deployment"].items() if name in info["model_config"]}
    asked = {**recipe["model"], **used}
    assert {name: info["model_config"][name] for name in asked} == asked
    assert frontend == dataclasses.replace(model.config.front_end(), **recipe["deployment"])
    assert info["format"] == "own"


def test_half_of_the_blocks_of_the_sparse_network_are_zeros_as_its_recipe_says():
    pruning = tomllib.loads((ZOO / "gru_mask_sparse.toml").read_text())["pruning"]
    rows, columns = pruning["block"]
    state = checkpoint.load(ZOO / "gru_mask_sparse.pt")[0].state_dict()
    matrices = {name: weights for name, weights in state.items() if weights.ndim == 2}
    assert len(matrices) == 6
    for name, weights in matrices.items():
        blocks = [block for band in weights.split(rows) for block in band.split(columns, dim=1)]
        zeros = sum(not block.any() for block in blocks)
        assert zeros == pytest.approx(pruning["fraction"] * len(blocks), abs=2), name
    dense = checkpoint.load(ZOO / "gru_mask.pt")[0].state_dict()
    assert {name: weights.shape for name, weights in state.items()} == {n: w.shape for n, w in dense.items()}


def test_shipped_checkpoint_is_written_as_this_version_writes_it(name, shipped, tmp_path):
    model, frontend, _ = shipped
    checkpoint.save(tmp_path / "again.pt", model, frontend)
    assert (tmp_path / "again.pt").read_bytes() == (ZOO / f"{name}.pt").read_bytes()


def _si_sdr_db(output, clean):
    return float(
        scale_invariant_signal_distortion_ratio(torch.from_numpy(output.copy()), torch.from_numpy(clean.copy()))
    )


@pytest.mark.skipif(not DEMO, reason="the demo recordings are not installed")
def test_network_betters_the_wiener_filter_on_the_demo_recordings(shipped):
    model, frontend, _ = shipped
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
    model, frontend, _ = shipped
    noise = 0.02 * np.random.default_rng(0).standard_normal(16000 * 4)
    out = FloatPipeline(frontend, model).run(noise)[16000:]
    assert 20 * np.log10(np.std(out) / 0.02) < frontend.mask_floor_db + 4
