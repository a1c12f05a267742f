"""Training of GTCRN: the published network, behind its own front end, kept in the official format."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.gtcrn import Gtcrn
from stapes.models.onnx_export import export_onnx
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import float_to_q15, q15_to_float
from stapes.tools.train import Training
from stapes.tools.training.loss import Resynthesis
from stapes.tools.training.objective import make_objective
from stapes.tools.training.pool import Batch, Pool
from stapes.tools.training.recipe import load_recipe
from stapes.tools.training.state import Folder

from tests.helpers import random_network, speech_like
from tests.models.gtcrn.networks import OFFICIAL, needs_official, random_gtcrn
from tests.tools.test_training import corpus, run  # noqa: F401  (corpus is a fixture)

ZOO = Path("models/zoo")
RECIPE = """
seed = 3
[model]
kind = "gtcrn"
[data]
clip_seconds = 1.2
crop_seconds = 0.5
chunk_clips = 3
chunks = 2
renew_steps = 3
[optimiser]
steps = 6
batch = 2
warmup_steps = 2
average = 0.9
[validation]
pairs = 1
seconds = 2.0
every = 3
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_interrupted_training_ends_in_the_same_bytes_and_scores(recipe, corpus, tmp_path):  # noqa: F811
    whole = run(recipe, corpus, tmp_path / "whole")
    for stop in (2, 5, None):
        pieces = run(recipe, corpus, tmp_path / "pieces", stop_after=stop)
    for name in ("model.pt", "best.pt"):
        assert (whole / name).read_bytes() == (pieces / name).read_bytes()
    scores = [
        [line for line in map(json.loads, (folder / "log.jsonl").read_text().splitlines()) if line["step"] in (0, 3, 6)]
        for folder in (whole, pieces)
    ]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 3


def test_result_has_the_official_format_and_needs_no_more_than_its_file(recipe, corpus, tmp_path):  # noqa: F811
    out = run(recipe, corpus, tmp_path / "out")
    content = torch.load(out / "model.pt", weights_only=True)
    assert content["epoch"] == 6
    assert list(content["model"]) == list(Gtcrn().state_dict())
    model, sound_path, info = checkpoint.load(out / "model.pt")
    assert (info["network"], info["format"]) == ("gtcrn", "published")
    assert (sound_path.transform.analysis, sound_path.hop, sound_path.before[-1].kind) == (512, 256, "complex")
    export_onnx(model, sound_path, tmp_path / "gtcrn.onnx")
    assert FloatPipeline(sound_path, model).run(speech_like(1.0)).shape == (16000,)


def test_statistics_of_the_norms_are_learnt_and_averaged_and_the_bank_is_not(recipe, corpus, tmp_path):  # noqa: F811
    training = Training(load_recipe(recipe), corpus, Folder(tmp_path / "out", {}))
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    name = "encoder.en_convs.2.depth_bn.running_var"
    expected = before[name].clone()
    for step in range(3):
        training.run_step()
        past = (1 + step) / (10 + step)
        expected = past * expected + (1 - past) * training.model.state_dict()[name]
    training.validate()
    after, mean = training.model.state_dict(), training.average.state_dict()
    assert torch.allclose(mean[name], expected, atol=1e-6)
    for name, value in before.items():
        if name.endswith("num_batches_tracked"):
            assert after[name] == mean[name] == 3
        else:
            assert torch.equal(after[name], value) == name.startswith("erb."), name


def test_output_in_training_is_that_of_the_pipeline(recipe):
    """A crop that begins where its clip begins: the network of both has seen the same past."""
    chosen, model = load_recipe(recipe), random_gtcrn().eval()
    noisy = q15_to_float(float_to_q15(speech_like(1.0, noise_db=-25.0)[: 60 * 256]))
    audio = torch.from_numpy(np.pad(noisy, (256, 0))[None]).float()
    empty = torch.empty(1, 60, 0)
    batch = Batch(empty, empty, audio, torch.empty(0))
    objective = make_objective(chosen, model)
    with torch.no_grad():
        output = Resynthesis(model.sound_path())(batch, objective._mask(batch))
    expected = FloatPipeline(model.sound_path(), model).run(noisy)[256:]
    assert output.shape == (1, 59 * 256)
    assert np.abs(output[0].numpy() - expected).max() < 1e-5


def test_clean_part_of_a_crop_is_aligned_with_the_noisy_one(recipe, corpus):  # noqa: F811
    chosen = load_recipe(recipe)
    sound_path = chosen.model.sound_path()
    batch = Pool(corpus, chosen, sound_path).batch(1)
    ones = torch.cat([torch.ones(2, 31, 257), torch.zeros(2, 31, 257)], dim=-1)
    output = Resynthesis(sound_path)(batch, ones)
    assert output.shape == batch.clean.shape
    assert torch.allclose(output, batch.noisy[:, 256:-256], atol=1e-5)


def test_network_learns_one_batch(recipe, corpus):  # noqa: F811
    chosen = load_recipe(recipe)
    torch.manual_seed(0)
    model = Gtcrn().train()
    batch = Pool(corpus, chosen, chosen.model.sound_path()).batch(0)
    objective, optimiser = make_objective(chosen, model), torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(12):
        loss, _ = objective(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


@needs_official
def test_official_checkpoint_is_a_start(recipe, corpus, tmp_path):  # noqa: F811
    recipe.write_text(RECIPE.replace("warmup_steps = 2", "warmup_steps = 2\nlearning_rate = 1e-9"))
    out = run(recipe, corpus, tmp_path / "out", start=OFFICIAL, stop_after=1)
    official = checkpoint.load(OFFICIAL)[0]
    for a, b in zip(checkpoint.load(out / "model.pt")[0].parameters(), official.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_start_from_another_network_is_refused(recipe, corpus, tmp_path):  # noqa: F811
    other = random_network()
    checkpoint.save(tmp_path / "mask.pt", other, other.config.sound_path())
    with pytest.raises(StapesError, match="another network"):
        run(recipe, corpus, tmp_path / "out", start=tmp_path / "mask.pt")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[model]\nkind = "wavenet"', "gru-mask, gtcrn"),
        ("[model]\nkind = []", "gru-mask, gtcrn"),
        ('[model]\nkind = "gtcrn"\nhidden_dim = 64', "model.hidden_dim: gtcrn is trained as published"),
        ('[model]\nkind = "gtcrn"\n[quantisation]\nsnr_weight = 0.1', "leave it out for gtcrn"),
        ('[model]\nkind = "gtcrn"\n[data]\nfront_end = "fixed"', "front_end"),
        ('[model]\nkind = "gtcrn"\n[deployment]\nmask_floor_db = -20.0', "deployment"),
    ],
)
def test_recipe_that_does_not_fit_is_refused(tmp_path, text, word):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(StapesError, match=word):
        load_recipe(tmp_path / "r.toml")


# Beside the trainings stands a path for the sound of DeepFilterNet3.
@pytest.mark.parametrize(
    "path",
    [path for path in sorted(ZOO.glob("*.toml")) if "[[stages]]" not in path.read_text()],
    ids=lambda path: path.stem,
)
def test_recipes_that_come_along_are_sound(path):
    chosen = load_recipe(path)
    assert chosen.model.sound_path().filter.judged_by_sound == path.stem.startswith("gtcrn")
