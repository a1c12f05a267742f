"""The recipe that is found keeps to its budget, spends int16 where int8 costs most, and says why."""

import tomllib

import numpy as np
import onnx
import pytest

from models import checkpoint
from models.audio import read_audio
from models.errors import StapesError
from models.onnx_export import export_onnx
from models.pipeline import FloatPipeline
from models.stft import istft
from quantize.calibrate import calibrate
from quantize.lowering import lower
from quantize.onnx_reader import read_onnx
from quantize.pipeline import assemble
from quantize.recipe import parse_recipe
from tests.conftest import ZOO
from tests.quantize.onnx_models import gru
from tools import auto_recipe
from tools.audio import CALIBRATION
from tools.auto_recipe import _fewest, integer_masks, recordings, search, steps
from tools.commands.quantize import make_bundle


@pytest.mark.parametrize("needed", range(6))
def test_bisection_finds_the_smallest_number_that_keeps_the_budget(needed):
    asked = []

    def drop(count):
        asked.append(count)
        return 0.0 if count >= needed else 1.0

    assert _fewest(5, 0.5, drop) == (needed, 0.0)
    assert len(asked) <= 4


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The shipped network, lowered and calibrated on one clip."""
    path = tmp_path_factory.mktemp("auto") / "float.onnx"
    model, frontend, _ = checkpoint.load(ZOO)
    export_onnx(model, frontend, path)
    _, source = read_onnx(path)
    lowered = lower(source)
    audio = read_audio(CALIBRATION / "reader_2_fire.flac")[16_000:48_000]
    features = FloatPipeline(frontend).analyse(audio)["features"][0].astype(np.float32)
    return lowered, calibrate(lowered, [{"features": features}]), frontend


@pytest.fixture
def short(monkeypatch):
    """Recordings of a second, so that a search is a matter of seconds."""
    monkeypatch.setattr(auto_recipe, "SECONDS", 1.0)
    monkeypatch.setattr(auto_recipe, "PRICED_EVERY", 9)


@pytest.fixture
def error_as_loss(monkeypatch):
    """The shipped network loses nothing in int8 that PESQ hears; the error at the output tells recipes apart."""

    def loss(self, mask):
        reference = np.sum(np.abs(self.output) ** 2)
        output = istft(self.enhanced(mask), self.frontend)[:, self.frontend.delay :]
        return float(np.sum(np.abs(self.output - output) ** 2) / reference)

    monkeypatch.setattr(auto_recipe.Listening, "pesq_drop", loss)


def test_the_recipe_keeps_its_budget_and_names_what_it_spent_int16_on(network, short, error_as_loss):
    lowered, seen, frontend = network
    listening = recordings(lowered, frontend)

    def loss(recipe):
        return listening.pesq_drop(integer_masks(assemble(lowered, seen, recipe).graph, listening.features))

    budget = 0.3 * loss(parse_recipe({}, "all in int8"))
    taken = []
    found = search(lowered, seen, frontend, budget, taken.append)
    assert sum(taken) <= steps(lowered)
    assert 0.0 < found.share < 1.0
    assert all(o.dtype == "int16" and "dB" in o.reason for o in found.recipe.overrides)
    assert parse_recipe(tomllib.loads(found.recipe.to_toml()), "again") == found.recipe
    assert found.pesq_drop == pytest.approx(loss(found.recipe), rel=1e-9)
    assert found.pesq_drop <= budget
    assert search(lowered, seen, frontend, 3 * budget).share <= found.share


def test_by_its_sound_the_shipped_network_needs_next_to_no_int16(network, short):
    lowered, seen, frontend = network
    found = search(lowered, seen, frontend, 0.02)
    assert found.pesq_drop <= 0.02
    assert found.share < 0.25


def test_a_budget_that_nothing_keeps_is_refused(network, short):
    lowered, seen, frontend = network
    with pytest.raises(StapesError, match="int16 for every activation already loses"):
        search(lowered, seen, frontend, -1.0)


def test_both_ways_of_running_the_integers_give_the_same_masks(network, short):
    lowered, seen, _ = network
    graph = assemble(lowered, seen, parse_recipe({}, "w8a8")).graph
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 2, (2, 5, graph.tensors["features"].size)).astype(np.float32)
    made = integer_masks(graph, features)
    given = graph.tensors["features"]
    codes = np.clip(np.round(features / np.float64(given.scale[0])) + given.zero_point, *given.limits).astype(np.int64)
    codes = codes.reshape(2, 5, *given.shape)
    np.testing.assert_array_equal(auto_recipe._through_tflm(graph, codes), auto_recipe._through_numpy(graph, codes))
    assert made.shape == (2, 5, graph.tensors["mask"].size)


def test_a_network_without_an_audio_path_is_refused(tmp_path):
    path, frames = tmp_path / "gru.onnx", tmp_path / "frames.npz"
    onnx.save(gru(np.random.default_rng(0)), str(path))
    np.savez(frames, x=np.zeros((4, 12), np.float32))
    with pytest.raises(StapesError, match="--recipe auto judges by sound"):
        make_bundle(path, tmp_path / "bundle", recipe=0.03, calibration=[frames])
    assert not (tmp_path / "bundle").exists()


def test_the_command_wants_both_options_or_none(stapes, tmp_path):
    for options in (["--recipe", "auto"], ["--budget", "0.1"]):
        assert "belong together" in stapes("quantize", ZOO, "-o", tmp_path / "b", *options).error
