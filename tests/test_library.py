"""`import stapes`: the functions behind the commands, on paths and on values in memory; they print nothing and return what they found."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import json
import pydoc
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
import stapes as library
import torch
from stapes.models.audio.front_end import with_front_end
from stapes.models.checkpoint import save, save_gtcrn
from stapes.models.gru_mask import GruMask, GruMaskConfig
from stapes.models.gtcrn import Gtcrn
from stapes.models.onnx_export import to_proto
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools.audio import DEMO

from tests.helpers import random_network
from tests.quantize.onnx_models import make as make_onnx

FUNCTIONS = ["stream", "fit", "quantize", "export", "simulate", "regress", "inspect", "acoustics", "evaluate", "doctor"]
SMALL = {"n_fft": 128, "hidden_dim": 16, "num_layers": 1, "fc_dim": 0, "narrow_dim": 8}
# Each line alone in a new interpreter.
ORDERS = [
    "import stapes; import stapes.quantize.graph; stapes.quantize.graph.Graph",
    "import stapes.quantize.graph as g; g.Graph",
    "from stapes.quantize.graph import Graph",
    "from stapes.quantize import graph; graph.Graph",
    "import stapes.quantize; import stapes.export.tflite; stapes.export.tflite.from_bytes",
    "from stapes import quantize, export; import stapes.quantize.graph; assert quantize.graph.Graph",
    "import importlib; importlib.import_module('stapes.export')",
]


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("published", "w8a16")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Half a second of noisy speech beside its clean partner."""
    folder = tmp_path_factory.mktemp("recordings")
    for kind in ("noisy", "clean"):
        write_audio(folder / f"machine_{kind}.wav", read_audio(DEMO / f"machine_{kind}.flac")[16_000:24_000])
    return folder / "machine_noisy.wav"


@pytest.mark.parametrize("imports", ORDERS)
def test_a_folder_that_is_a_function_is_both_in_whatever_order_it_is_imported(imports):
    both = "; import stapes, sys; assert callable(stapes.quantize) and callable(stapes.export)"
    same = "; assert stapes.quantize is sys.modules['stapes.quantize']; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", imports + both + same], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


def test_a_folder_that_is_a_function_has_its_signature_and_its_help():
    for name in ("quantize", "export"):
        folder = getattr(library, name)
        function = getattr(importlib.import_module(f"stapes.tools.library.{name}"), name)
        assert inspect.signature(folder) == inspect.signature(function)
        assert inspect.getdoc(folder).startswith(
            f"stapes.{name}({next(iter(inspect.signature(function).parameters))}: "
        )
        assert function.__doc__.splitlines()[0] in pydoc.render_doc(folder)


def test_every_name_is_there_and_an_unknown_one_is_not():
    assert set(library.__all__) <= set(dir(library))
    for name in library.__all__:
        assert callable(getattr(library, name)), name
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        _ = library.quantise
    assert library.__version__.count(".") == 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_examples_of_a_function_run(name, bundle, published, few_clips, recording, tmp_path):
    module = importlib.import_module(f"stapes.tools.library.{name}")
    known = {"bundle": bundle, "network": published, "recordings": few_clips[:1], "folder": tmp_path, "np": np}
    known |= {"recording": recording, "pairs": recording.parent}
    nodes = [onnx.helper.make_node("Conv", ["x", "w"], ["y"], pads=[2, 0])]
    known["whole"] = make_onnx(nodes, {"x": (1, 3, "T")}, {"y": (1, 2, "T")}, {"w": np.ones((2, 3, 3))})
    (test,) = doctest.DocTestFinder(recurse=False).find(getattr(module, name), name, module, {**vars(module), **known})
    assert test.examples
    result = doctest.DocTestRunner().run(test)
    assert result.failed == 0


@pytest.fixture(scope="module")
def small():
    return random_network(SMALL)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("model.tflite", "float.onnx", "recipe.toml", "vectors.npz")}


def test_a_module_in_memory_makes_the_bundle_of_its_checkpoint(small, few_clips, tmp_path, capsys):
    save(tmp_path / "mask.pt", small, small.config.sound_path())
    options = {"calibration": few_clips[0], "recipe": "w8a8"}
    from_file = library.quantize(tmp_path / "mask.pt", tmp_path / "file", **options)
    training = GruMask(small.config).train()
    training.load_state_dict(small.state_dict())
    in_memory = library.quantize(training, str(tmp_path / "memory"), **options)
    wrapped = library.quantize(torch.nn.DataParallel(small), tmp_path / "wrapped", name="mask", **options)
    assert contents(from_file.bundle.folder) == contents(in_memory.bundle.folder) == contents(wrapped.bundle.folder)
    assert training.training
    assert (from_file.bundle.name, in_memory.bundle.name, wrapped.bundle.name) == ("mask", "grumask", "mask")
    assert in_memory.bundle.manifest["checkpoint"]["file"] == "GruMask in memory"
    assert capsys.readouterr().out == ""


def test_an_onnx_model_in_memory_makes_the_bundle_of_its_file(small, few_clips, tmp_path):
    model = to_proto(small, small.config.sound_path())
    before = model.SerializeToString(deterministic=True)
    onnx.save(model, tmp_path / "net.onnx")
    pair = [
        library.quantize(network, tmp_path / name, calibration=few_clips[:1], name="net").bundle
        for name, network in (("file", tmp_path / "net.onnx"), ("memory", model))
    ]
    assert contents(pair[0].folder) == contents(pair[1].folder)
    assert model.SerializeToString(deterministic=True) == before


def test_gtcrn_in_memory_is_read_as_its_checkpoint_is(tmp_path):
    from stapes.tools.library.networks import read_network

    torch.manual_seed(0)
    network = Gtcrn().eval()
    save_gtcrn(tmp_path / "model.tar", network, 1)
    assert read_network(network, "auto", []).content == read_network(tmp_path / "model.tar", "auto", []).content


class _Counted(torch.nn.Linear):
    """A layer that keeps more than weights."""

    def get_extra_state(self):
        return {"calls": 3}


class _Failing(torch.nn.Linear):
    """A layer whose weights cannot be read."""

    def state_dict(self, *args, **kwargs):
        raise ValueError("no weights here\nbut a second line")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (_Counted(2, 2), "the module _Counted: '_extra_state' of its state dict is a dict, no tensor"),
        (
            _Failing(2, 2),
            r"the module _Failing: its state_dict\(\) fails with ValueError: no weights here; give a module",
        ),
        (torch.nn.Linear(2, 2), "the module Linear: a checkpoint of an unknown network"),
        (3, "a int is no network"),
        ("nowhere.pt", "nowhere.pt: no such file"),
        (onnx.ModelProto(), "the ONNX model: "),
    ],
    ids=["extra state", "failing", "module", "number", "file", "onnx"],
)
def test_what_is_no_network_is_refused_in_one_line_and_nothing_is_written(network, words, tmp_path):
    with pytest.raises(library.StapesError, match=words) as refused:
        library.quantize(network, tmp_path / "bundle")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_module_with_weights_that_are_no_numbers_is_refused_by_the_name_of_the_tensor(tmp_path):
    broken = random_network(SMALL)
    with torch.no_grad():
        broken.gru.bias_ih_l0[3] = float("nan")
    with pytest.raises(library.StapesError, match=r"the module GruMask: tensor gru\.bias_ih_l0 holds NaN"):
        library.quantize(broken, tmp_path / "bundle")


def test_samples_in_memory_sound_as_their_file_does(bundle, recording, tmp_path):
    samples = soundfile.read(recording, dtype="int16")[0]
    written = library.simulate(bundle, recording, tmp_path / "out.wav", engine="numpy", align=True)
    told = json.loads(json.dumps(written.to_json()))
    for given in (samples, samples / np.float32(32768.0)):
        made = library.simulate(bundle.folder, given, engine="numpy", align=True)
        assert made.files[0].output is None
        assert made.files[0].sha256 == told["files"][0]["sha256"]
        np.testing.assert_array_equal(made.files[0].audio_q15, soundfile.read(tmp_path / "out.wav", dtype="int16")[0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((2, 100), np.int16), r"an array of int16 of shape \(2, 100\)"),
        (np.zeros(100, np.int32), "an array of int32"),
        (np.full(100, 2.0), "beyond 1"),
        (np.full(100, np.nan), "NaN"),
        ({"x": np.zeros(100)}, "this bundle has an audio path"),
        (torch.zeros(100), "a Tensor is no path of sound, nor a numpy array of samples; give"),
    ],
    ids=["stereo", "int32", "loud", "nan", "by name", "tensor"],
)
def test_arrays_that_are_no_sound_are_refused(bundle, given, words):
    with pytest.raises(library.StapesError, match=words):
        library.simulate(bundle, given, engine="numpy")


def test_results_are_dataclasses_that_say_what_the_commands_print_as_json(stapes, bundle, recording, capsys):
    inspected = library.inspect(bundle)
    regressed = library.regress(bundle, recording, engine=["numpy"])
    evaluated = library.evaluate(bundle, recording.parent, metrics=["stoi"], workers=1)
    assert capsys.readouterr() == ("", "")
    for result in (inspected, regressed, evaluated):
        assert dataclasses.is_dataclass(result)
    told = json.loads(stapes("inspect", bundle.folder, "--json").stdout)
    assert told == {"schema": "stapes-inspect-1", **json.loads(json.dumps(inspected.to_json()))}
    line = ("evaluate", bundle.folder, "--corpus", recording.parent, "--metrics", "stoi", "--jobs", "1", "--json")
    assert json.loads(stapes(*line).stdout)["systems"] == evaluated.systems
    told = json.loads(stapes("regress", bundle.folder, recording, "--engine", "numpy", "--json").stdout)
    assert told["engines"]["numpy"]["sha256"] == regressed.engines["numpy"].sha256


def test_words_that_are_unknown_are_refused_with_what_may_be_given(bundle, tmp_path):
    with pytest.raises(library.StapesError, match="--to 'elf': unknown; give one of c, tflite, onnx, vectors"):
        library.export(bundle, tmp_path, to="elf")
    with pytest.raises(library.StapesError, match="--package 'bazel': unknown; give one of cmake, "):
        library.export(bundle, tmp_path, package="bazel")
    with pytest.raises(library.StapesError, match="--budget nan: give a finite number of PESQ"):
        library.quantize("nowhere.pt", tmp_path / "bundle", recipe="auto", budget=float("nan"))
    with pytest.raises(library.StapesError, match="give two or more levels"):
        library.evaluate(bundle, levels=[-10.0])


@pytest.mark.parametrize("function", ["load_bundle", "inspect"])
def test_what_is_no_path_of_a_bundle_is_refused(function):
    with pytest.raises(library.StapesError, match="a int is no path of a bundle; give a str"):
        getattr(library, function)(5)


def test_what_is_no_path_of_recordings_is_refused(tmp_path):
    with pytest.raises(library.StapesError, match="a int is no path of recordings"):
        library.quantize(torch.nn.Linear(2, 2), tmp_path / "bundle", calibration=5)
    with pytest.raises(library.StapesError, match="a dict is no path of recordings"):
        library.quantize(torch.nn.Linear(2, 2), tmp_path / "bundle", calibration={})


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"recipe": 5}, "a int is no path of a recipe"),
        ({"recipe": "auto", "budget": "little"}, "--budget 'little': give a finite number of PESQ"),
        ({"front_end": 5}, "a int is no path of a front end"),
        ({"front_end": {"hop": "wide"}}, "hop"),
        ({"states": 5}, "a int is not a state INPUT=OUTPUT; give a str"),
        ({"name": 5}, "a int is not a name; give a str"),
        ({"output": 5}, "a int is no path of a folder"),
    ],
)
def test_choices_of_a_wrong_type_are_refused_and_nothing_is_written(tmp_path, published, choice, words):
    with pytest.raises(library.StapesError, match=words):
        library.quantize(**{"network": published, "output": tmp_path / "bundle", **choice})
    assert not list(tmp_path.iterdir())


def test_engines_targets_and_corpora_of_a_wrong_type_are_refused(bundle, tmp_path):
    sound = np.zeros(1600, np.int16)
    for call, words in (
        (lambda: library.simulate(bundle, sound, engine=["numpy"]), "not the name of an engine"),
        (lambda: library.simulate(bundle, sound, 5, engine="numpy"), "no path of an output"),
        (lambda: library.export(bundle, tmp_path / "c", target=["a"]), "not the name of a target"),
        (lambda: library.evaluate(bundle, 5), "no path of a corpus"),
        (lambda: library.inspect(bundle, device=5), "a int is not a choice, device; give a bool"),
        (lambda: library.simulate(bundle, sound, align="no"), "a str is not a choice, align; give a bool"),
        (lambda: library.regress(bundle, engine="numpy", update="no"), "a str is not a choice, update; give a bool"),
    ):
        with pytest.raises(library.StapesError, match=words):
            call()


def test_a_front_end_may_be_the_table_of_one(tmp_path, recording):
    config = GruMaskConfig(hidden_dim=8, num_layers=1, narrow_dim=8, fc_dim=0, features="log")
    torch.manual_seed(0)
    network = to_proto(GruMask(config).eval(), config.sound_path())
    made = library.quantize(
        network, tmp_path / "bundle", front_end={"features": "log", "xi_min_db": -20.0}, calibration=recording
    )
    assert made.bundle.sound_path == with_front_end(config.sound_path(), {"xi_min_db": -20.0})


def test_an_empty_name_is_no_place_to_write(tmp_path, bundle, published, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for write in (lambda: library.quantize(published, ""), lambda: library.export(bundle, "")):
        with pytest.raises(library.StapesError, match="an empty name is no path"):
            write()
    assert not list(tmp_path.iterdir())
