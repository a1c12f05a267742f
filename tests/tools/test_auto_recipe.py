"""The recipe that is found keeps to its budget, spends int16 where int8 costs most, and says why."""

import pickle
import tomllib
from dataclasses import replace

import numpy as np
import onnx
import pytest
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models import checkpoint
from stapes.models.audio.biquad import Section
from stapes.models.audio.equaliser import Equaliser, with_equaliser
from stapes.models.errors import StapesError
from stapes.models.onnx_export import export_onnx
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import q15_to_float, read_audio
from stapes.quantize.calibrate import calibrate
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import read_onnx
from stapes.quantize.pipeline import assemble
from stapes.quantize.recipe import parse_recipe
from stapes.tools import auto_recipe, listening
from stapes.tools.audio import CALIBRATION
from stapes.tools.auto_recipe import MOST_SHARE, _fewest, _fitting, _Group, search, share_of_int16, steps
from stapes.tools.library.quantize import quantize
from stapes.tools.listening import recordings
from stapes.tools.zoo import GRU_MASK, GRU_MASK_W8A8

from tests.helpers import OWN_CONFIG, random_network
from tests.quantize.onnx_models import gru


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
    """The network that was fine-tuned to int8, lowered and calibrated on one clip."""
    model, sound_path, _ = checkpoint.load(GRU_MASK_W8A8)
    return calibrated(model, sound_path, tmp_path_factory.mktemp("auto") / "float.onnx")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A network of the same operators and few weights, of which a quarter of the numbers in int16 is not enough."""
    model = random_network(OWN_CONFIG | {"hidden_dim": 16, "narrow_dim": 16})
    return calibrated(model, model.config.sound_path(), tmp_path_factory.mktemp("auto") / "float.onnx")


def calibrated(model, sound_path, path):
    export_onnx(model, sound_path, path)
    _, source = read_onnx(path)
    lowered = lower(source)
    audio = read_audio(CALIBRATION / "reader_2_fire.flac")[16_000:48_000]
    features = FloatPipeline(sound_path).analyse(audio)["features"][0].astype(np.float32)
    return lowered, calibrate(lowered, [{"features": features}]), sound_path


@pytest.fixture
def short(monkeypatch):
    """Short recordings at one level, so that a search is a matter of seconds."""
    monkeypatch.setattr(listening, "SECONDS", 0.75)
    monkeypatch.setattr(listening, "LEVELS_DBFS", (-22.0,))


@pytest.fixture
def error_as_loss(monkeypatch):
    """The network loses nothing in int8 that PESQ hears; the error at the output tells recipes apart."""
    monkeypatch.setattr(listening.Listening, "pesq_drop", lambda self, output: self.error(output)[0])


def test_the_recipe_keeps_its_budget_and_names_what_it_spent_int16_on(small, short, error_as_loss):
    lowered, seen, sound_path = small
    heard = recordings(lowered, sound_path)

    def loss(recipe):
        return heard.pesq_drop(heard.through(assemble(lowered, seen, recipe).graph))

    least, most = (loss(parse_recipe({"activations": {"dtype": dtype}}, dtype)) for dtype in ("int16", "int8"))
    budget = least + 0.8 * (most - least)
    taken = []
    found = search(lowered, seen, sound_path, budget, taken.append)
    assert sum(taken) <= steps(lowered)
    assert 0.0 < found.share <= MOST_SHARE
    graph = assemble(lowered, seen, found.recipe).graph
    assert found.share == share_of_int16(graph)
    wide = [o for o in found.recipe.overrides if o.dtype == "int16"]
    assert wide
    assert all("dB" in o.reason for o in wide)
    assert all(o.clip < 1.0 and o.reason for o in found.recipe.overrides if o.dtype is None)
    assert parse_recipe(tomllib.loads(found.recipe.to_toml()), "again") == found.recipe
    assert found.pesq_drop == pytest.approx(loss(found.recipe), rel=1e-9)
    assert found.pesq_drop <= budget


def test_a_network_behind_whose_path_an_equaliser_stands_is_judged_in_front_of_it(small, monkeypatch):
    class Asked(Exception):
        pass

    def asked(lowered, sound_path):
        raise Asked(sound_path)

    lowered, seen, sound_path = small
    fitted = with_equaliser(sound_path, Equaliser((Section("peaking", 1000.0, 12.0, 1.0),)))
    monkeypatch.setattr(auto_recipe, "recordings", asked)
    with pytest.raises(Asked) as raised:
        search(lowered, seen, fitted, 0.1)
    (heard,) = raised.value.args
    assert [stage.kind for stage in fitted.stages if stage not in heard.stages] == ["equaliser"]


def test_a_set_costs_the_same_in_another_process(small, short):
    """There the trial is a copy, made of bytes."""
    lowered, seen, sound_path = small
    trial = auto_recipe._Trial(lowered, seen, recordings(lowered, sound_path), lambda steps: None)
    copy = pickle.loads(pickle.dumps(trial))
    name = trial.names()[-1]
    assert copy.without(name) == trial.without(name) > 0.0


def test_the_share_counts_numbers_of_the_finished_graph(network):
    lowered, seen, _ = network
    graph = assemble(lowered, seen, parse_recipe({"tensor": [{"match": "@input", "dtype": "int16"}]}, "r")).graph
    narrow = [t.size for t in graph.tensors.values() if t.data is None and t.dtype == "int8"]
    wide = [t.size for t in graph.tensors.values() if t.data is None and t.dtype == "int16"]
    assert wide
    assert share_of_int16(graph) == pytest.approx(sum(wide) / sum(narrow + wide))
    assert share_of_int16(assemble(lowered, seen, parse_recipe({}, "r")).graph) == 0.0
    assert share_of_int16(assemble(lowered, seen, parse_recipe({"activations": {"dtype": "int16"}}, "r")).graph) == 1.0


def test_sets_that_do_not_fit_are_passed_over_and_the_dearest_for_their_size_come_first():
    sets = [_Group("large", (), 60, 9.0), _Group("small", (), 10, 5.0), _Group("cheap", (), 15, 0.1)]
    sizes = {group.name: group.size for group in sets}

    def taken(power, room):
        return [g.name for g in _fitting(sets, power, lambda names: sum(sizes[name] for name in names) <= room)]

    assert taken(1.0, 25) == ["small", "cheap"]
    assert taken(1.0, 70) == ["small", "large"]
    assert taken(0.0, 70) == ["large", "small"]


def test_more_than_a_quarter_is_refused(small, short, error_as_loss):
    lowered, seen, sound_path = small
    heard = recordings(lowered, sound_path)
    least = heard.pesq_drop(
        heard.through(assemble(lowered, seen, parse_recipe({"activations": {"dtype": "int16"}}, "r")).graph)
    )
    with pytest.raises(StapesError, match="a quarter of the activations in int16 loses"):
        search(lowered, seen, sound_path, 1.5 * least)


def test_by_its_sound_a_network_tuned_to_int8_needs_next_to_no_int16(network, short):
    lowered, seen, sound_path = network
    found = search(lowered, seen, sound_path, 0.02)
    assert found.pesq_drop <= 0.02
    assert found.share < 0.25


def test_a_budget_that_nothing_keeps_is_refused(network, short):
    lowered, seen, sound_path = network
    with pytest.raises(StapesError, match="int16 for every activation already loses"):
        search(lowered, seen, sound_path, -1.0)


def test_every_way_of_running_the_integers_gives_the_same_sound(network, short, monkeypatch):
    lowered, seen, sound_path = network
    graph = assemble(lowered, seen, parse_recipe({}, "w8a8")).graph
    heard = recordings(lowered, sound_path)
    heard = replace(heard, noisy_q15=heard.noisy_q15[:2, :4_000])
    expected = heard.through(graph)
    np.testing.assert_array_equal(
        q15_to_float(Pipeline(sound_path, NumpyNetwork(graph)).run(heard.noisy_q15).audio_q15), expected
    )

    def missing(*arguments, **choices):
        raise StapesError("not here")

    for name in ("Native", "TflmNetwork"):
        monkeypatch.setattr(listening, name, missing)
        np.testing.assert_array_equal(heard.through(graph), expected)


def test_the_error_is_none_for_the_float_output_and_grows_with_what_is_wrong(network, short):
    lowered, _, sound_path = network
    heard = recordings(lowered, sound_path)
    assert heard.error(heard.output) == (0.0, 0.0)
    assert heard.pesq_drop(heard.output) == 0.0
    noise = np.random.default_rng(1).normal(0, 1, heard.output.shape)
    errors = [heard.error(heard.output + level * noise) for level in (1e-4, 1e-3)]
    assert errors[0][0] == pytest.approx(errors[1][0] / 100, rel=0.01)
    assert errors[0][1] < errors[1][1]


def test_a_network_without_an_audio_path_is_refused(tmp_path):
    path, frames = tmp_path / "gru.onnx", tmp_path / "frames.npz"
    onnx.save(gru(np.random.default_rng(0)), str(path))
    np.savez(frames, x=np.zeros((4, 12), np.float32))
    with pytest.raises(StapesError, match="--recipe auto judges by sound"):
        quantize(path, tmp_path / "bundle", recipe="auto", budget=0.03, calibration=frames)
    assert not (tmp_path / "bundle").exists()


def test_the_command_wants_both_options_or_none(stapes, tmp_path):
    for options in (["--recipe", "auto"], ["--budget", "0.1"]):
        assert "belong together" in stapes("quantize", GRU_MASK, "-o", tmp_path / "b", *options).error
