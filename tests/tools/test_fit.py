"""`stapes fit`, and a bundle with the fitting: one set of bits on all engines."""

import json
import tomllib

import pytest
from stapes.models.checkpoint import save
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools.audio import DEMO
from stapes.tools.bundle import load_bundle

from tests.helpers import random_network
from tests.machine import lacking

SMALL = {"n_fft": 128, "hidden_dim": 16, "num_layers": 1, "fc_dim": 0, "narrow_dim": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small checkpoint and half a second of noisy speech."""
    made = tmp_path_factory.mktemp("fit")
    small = random_network(SMALL)
    save(made / "small.pt", small, small.config.sound_path())
    write_audio(made / "noisy.wav", read_audio(DEMO / "machine_noisy.flac")[16_000:24_000])
    return made


def test_the_command_writes_a_fitting_and_tells_its_gains(stapes, tmp_path):
    done = stapes("fit", "--audiogram", "N3", "-o", tmp_path / "fitting.toml")
    assert done.code == 0
    assert "24.4" in done.stdout
    told = json.loads(stapes("fit", "--audiogram", "N3", "-o", tmp_path / "fitting.toml", "--json").stdout)
    written = tomllib.loads((tmp_path / "fitting.toml").read_text())
    assert {key: told[key] for key in written} == written
    assert written["equaliser"]["sections"]


def test_what_is_not_a_fitting_is_not_replaced(stapes, tmp_path):
    (tmp_path / "mine.toml").write_text("a = 1\n")
    assert "mine.toml" in stapes("fit", "--audiogram", "N3", "-o", tmp_path / "mine.toml").error
    assert (tmp_path / "mine.toml").read_text() == "a = 1\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--audiogram", "N8"), "those are N1, N2"),
        (("--audiogram", "N3", "--rule", "nalnl2"), "--rule 'nalnl2': unknown; give nalr, camfit, or a table"),
        (("--audiogram", "N3", "--rule", "absent.csv"), "absent.csv: cannot be read"),
        (("--audiogram", "N3", "--sample-rate", "12345"), "--sample-rate 12345: give one of 8000"),
        (("--audiogram", "N3", "--calibration-db", "20"), "calibration_db is 20.0; it must be at least 60"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(stapes, tmp_path, arguments, words):
    assert words in stapes("fit", *arguments, "-o", tmp_path / "fitting.toml").error
    assert not list(tmp_path.iterdir())


def test_a_bundle_with_a_fitting_gives_one_set_of_bits(stapes, folder, tmp_path):
    """The engines that this machine has, over speech in noise."""
    fitting, bundle = tmp_path / "fitting.toml", tmp_path / "bundle"
    assert stapes("fit", "--audiogram", "N2", "--rule", "camfit", "-o", fitting).code == 0
    quantised = ("quantize", folder / "small.pt", "--calibration", folder / "noisy.wav")
    assert stapes(*quantised, "-o", bundle, "--fitting", fitting).code == 0
    assert [stage.kind for stage in load_bundle(bundle).sound_path.stages][-3:] == [
        "wide_inverse",
        "equaliser",
        "output",
    ]
    engines = [name for name in ("native", "tflm", "cortex-m7") if not lacking(name)]
    done = stapes("regress", bundle, folder / "noisy.wav", *(word for name in engines for word in ("--engine", name)))
    assert done.code == 0, done


def test_a_fitting_of_another_rate_is_refused(stapes, folder, tmp_path):
    stapes("fit", "--audiogram", "N2", "--sample-rate", "24000", "-o", tmp_path / "fitting.toml")
    done = stapes("quantize", folder / "small.pt", "-o", tmp_path / "bundle", "--fitting", tmp_path / "fitting.toml")
    assert "the fitting is for 24000 Hz, the path has 16000 Hz" in done.error
    assert not (tmp_path / "bundle").exists()
