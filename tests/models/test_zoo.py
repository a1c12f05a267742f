"""The shipped checkpoint: what its recipe describes, and better than the Wiener filter that it stands behind."""

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


@pytest.fixture(scope="module")
def shipped():
    return checkpoint.load(ZOO / "gru_mask.pt")


def test_shipped_checkpoint_is_the_network_of_its_recipe(shipped):
    model, frontend, info = shipped
    recipe = tomllib.loads((ZOO / "gru_mask_qat.toml").read_text())
    assert tomllib.loads((ZOO / "gru_mask.toml").read_text())["model"] == recipe["model"]
    used = {name: value for name, value in recipe["deployment"].items() if name in info["model_config"]}
    asked = {**recipe["model"], **used}
    assert {name: info["model_config"][name] for name in asked} == asked
    assert frontend == dataclasses.replace(model.config.front_end(), **recipe["deployment"])
    assert info["format"] == "own"


def test_shipped_checkpoint_is_written_as_this_version_writes_it(shipped, tmp_path):
    model, frontend, _ = shipped
    checkpoint.save(tmp_path / "again.pt", model, frontend)
    assert (tmp_path / "again.pt").read_bytes() == (ZOO / "gru_mask.pt").read_bytes()


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
