"""`stapes fit`, and a bundle with the fitting: one set of bits on all engines."""

import json
import shutil
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
from stapes.models.checkpoint import save
from stapes.models.errors import StapesError
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools import hearing
from stapes.tools.acoustics import level_db
from stapes.tools.audio import DEMO
from stapes.tools.bundle import load_bundle, seal
from stapes.tools.evaluation.contest import make_contest
from stapes.tools.evaluation.fitted import amplified, at_fitted_level, fitting_words
from stapes.tools.evaluation.recordings import recording_of
from stapes.tools.library.evaluate import evaluate
from stapes.tools.library.fit import fit
from stapes.tools.library.quantize import quantize
from stapes.tools.pairs import find_pairs, read_pair

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


def test_the_command_says_that_one_level_alone_reaches_the_sound(stapes, tmp_path):
    """CAMFIT has gains by level; NAL-R has the same for all of them, and nothing to tell."""
    words = "the equaliser has the gains for speech of 65 dB SPL at every level"
    camfit = stapes("fit", "--audiogram", "N3", "--rule", "camfit", "-o", tmp_path / "camfit.toml")
    assert words in " ".join(camfit.stdout.split())
    nal_r = stapes("fit", "--audiogram", "N3", "-o", tmp_path / "nalr.toml")
    assert words not in " ".join(nal_r.stdout.split())


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


@pytest.fixture(scope="module")
def fitted(folder):
    """A bundle with a fitting, the same without one, and two seconds to score."""
    made = fit("N3", level_db=65.0)
    plain = quantize(folder / "small.pt", folder / "plain", calibration=folder / "noisy.wav").bundle
    bundle = quantize(folder / "small.pt", folder / "fitted", calibration=folder / "noisy.wav", fitting=made).bundle
    pairs = folder / "pairs"
    pairs.mkdir()
    for kind in ("noisy", "clean"):
        write_audio(pairs / f"machine_{kind}.wav", read_audio(DEMO / f"machine_{kind}.flac")[8_000:40_000])
    return made, plain, bundle, pairs


def test_a_bundle_keeps_the_fitting_that_it_was_made_with(fitted):
    made, plain, bundle, _ = fitted
    assert load_bundle(bundle.folder).fitting == made
    assert load_bundle(plain.folder).fitting is None
    assert "fitting" not in plain.manifest


def test_a_fitting_that_is_not_that_of_the_path_is_refused(fitted, tmp_path):
    _, plain, bundle, _ = fitted
    shutil.copytree(bundle.folder, tmp_path / "other")
    document = dict(bundle.manifest, stages=plain.manifest["stages"])
    seal(tmp_path / "other", {key: value for key, value in document.items() if key != "bundle_sha256"})
    with pytest.raises(StapesError, match="fitting: its equaliser is not that of the path"):
        load_bundle(tmp_path / "other")


def test_the_usual_figures_are_of_the_sound_without_the_fitting(fitted):
    """To the bit: the equaliser's gains, and what clips behind them, are no fault of the noise reducer."""
    _, plain, bundle, pairs = fitted
    found = [evaluate(of, pairs, metrics="si_sdr,stoi", workers=1) for of in (plain, bundle)]
    assert found[0].evaluation.files == found[1].evaluation.files
    assert found[0].to_json()["fitting"] is None
    assert found[1].to_json()["fitting"]["audiogram"]["name"] == "N3"


def test_the_ears_of_the_fitting_hear_its_equaliser_at_its_level(fitted):
    """Every system has the fitting's amplification, once, and clean speech lies where the fitting wants it."""
    made, _, bundle, pairs = fitted
    contest = make_contest(bundle, "numpy", metrics=("haspi_fitted",))
    pair = find_pairs(pairs)[0]
    recording = recording_of(pair, *read_pair(pair, contest.rate), "", contest.rate)
    (heard,) = contest.fitted.run([recording])
    sine_of_full_scale = np.sqrt(0.5)
    assert 120.0 + level_db(heard.clean / sine_of_full_scale) == pytest.approx(65.0, abs=0.01)
    low, high = made.gains.gains_db[0][2:4]
    assert low - 0.5 < level_db(octave(heard.amplified)) - level_db(octave(heard.clean)) < high + 0.5
    plain = contest.run([at_fitted_level(recording, made)])[0]
    for system in ("noisy", "wiener", "float", "integer"):
        wanted = amplified(plain[system], made)
        error = heard.outputs[system] - wanted
        assert level_db(error) < level_db(wanted) - 25.0, system


def test_haspi_of_a_fitting_asks_for_the_ear_of_its_audiogram(fitted, monkeypatch):
    """What is handed to the model of the ear: thresholds, levels, which reference; nothing is amplified twice."""
    made, _, bundle, pairs = fitted
    asked = []

    def model(index):
        def measure(reference, _, heard, __, audiogram, level1, **further):
            asked.append((index, audiogram.levels, level1, further, level_db(reference), level_db(heard)))
            return (0.5, None)

        return measure

    package = SimpleNamespace(
        Audiogram=SimpleNamespace,
        resample=lambda audio, rate: (audio, rate),
        indices={index: model(index) for index in hearing.INDICES},
    )
    monkeypatch.setattr(hearing, "_package", lambda: package)
    found = evaluate(bundle, pairs, metrics="haspi,hasqi", workers=1)
    assert found.systems["integer"] == {"haspi_fitted": 0.5, "hasqi_fitted": 0.5}
    assert len(asked) == 8
    for index, levels, level1, further, reference, heard in asked:
        assert (list(levels), level1) == ([35, 35, 40, 50, 60, 65], 65.0)
        assert further == ({"equalisation": 2} if index == "hasqi" else {})
        # An RMS of one is at 65 dB SPL: clean speech for HASPI, and louder by the equaliser's gains for HASQI.
        assert (abs(reference) < 0.05) if index == "haspi" else (reference > 3.0)
        assert heard > -30.0
    words = fitting_words(made, found.evaluation.metrics)
    assert "standard audiogram N3" in words
    assert "65 at 6000 Hz" in words


def test_metrics_of_a_fitting_need_one(fitted):
    _, plain, _, pairs = fitted
    with pytest.raises(
        StapesError, match="'haspi_fitted' is for a bundle with a fitting; make one with stapes quantize"
    ):
        evaluate(plain, pairs, metrics="haspi_fitted")


def octave(sound):
    """What lies between 1000 and 2000 Hz, at 16 kHz."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / 16000)
    return np.fft.irfft(spectrum * ((hertz > 1000) & (hertz < 2000)), len(sound))
