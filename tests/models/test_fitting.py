"""From an audiogram to gains, by the rules of the literature, and from gains to sections."""

import dataclasses

import numpy as np
import pytest
from stapes.models.audio.transform import Transform
from stapes.models.errors import Remark, StapesError
from stapes.models.fitting import STANDARD, Audiogram, make_fitting, read_audiogram, read_fitting, read_gains
from stapes.models.fitting.design import WITHIN_DB, design, gains_of
from stapes.models.fitting.rules import band_edges, camfit_at, camfit_linear, nal_r, speech_in_bands
from stapes.quantize.audio import stage_params

HERTZ = np.array([250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 4000.0, 6000.0])
# What pyclarity 0.9.0 (clarity.enhancer.gha.gainrule_camfit.gainrule_camfit_compr) gives N3 at 50, 70 and 90 dB SPL in each band.
CAMFIT_N3 = [
    [11.361, 11.03, 12.129, 19.418, 20.269, 23.282, 22.667, 24.359, 35.079],
    [1.919, 6.829, 7.36, 13.944, 12.148, 14.954, 13.279, 12.985, 21.921],
    [0.0, 2.627, 2.59, 8.469, 4.027, 6.625, 3.891, 1.612, 8.763],
]


def test_nal_r_by_hand():
    """N3 has 35, 40, 50 dB at 500, 1000, 2000 Hz: X = 6.25; at 4000 Hz 6.25 + 0.31 * 60 - 2."""
    gains = nal_r(STANDARD["N3"]).gains_db[0]
    assert gains == pytest.approx([0.1, 9.1, 19.65, 20.75, 22.85, 24.4])
    steep = nal_r(STANDARD["N5"]).gains_db[0]
    assert steep[1] == pytest.approx(9 + 0.116 * (225 - 180) + 0.31 * 70 - 8)


def test_camfit_is_that_of_pyclarity():
    levels = np.tile(np.array([50.0, 70.0, 90.0])[:, None], (1, len(HERTZ)))
    assert np.abs(camfit_at(STANDARD["N3"], HERTZ, levels) - CAMFIT_N3).max() < 6e-4


def test_camfit_equals_pyclarity_where_it_is_installed():
    audiograms = pytest.importorskip("clarity.utils.audiogram")
    rules = pytest.importorskip("clarity.enhancer.gha.gainrule_camfit")
    levels = np.arange(30.0, 101.0, 10.0)
    model = {"frequencies": HERTZ, "edge_frequencies": band_edges(HERTZ), "levels": levels}
    for audiogram in STANDARD.values():
        ear = audiograms.Audiogram(np.array(audiogram.thresholds), np.array(audiogram.frequencies))
        theirs, _, _ = rules.gainrule_camfit_compr(ear, ear, model)
        ours = camfit_at(audiogram, HERTZ, np.tile(levels[:, None], (1, len(HERTZ))))
        assert np.abs(ours - theirs[:, :, 0]).max() < 1e-9
        assert (
            np.abs(camfit_linear(audiogram, HERTZ) - rules.gainrule_camfit_linear(ear, ear, model)[3][:, 0]).max()
            < 1e-9
        )


def test_usual_speech_gets_the_linear_gains_of_camfit():
    """Up to 4 kHz; at 6 kHz N2's speech would be compressed more than the rule allows."""
    at_65 = camfit_at(STANDARD["N2"], HERTZ, speech_in_bands(HERTZ)[None])[0]
    assert at_65[:-1] == pytest.approx(camfit_linear(STANDARD["N2"], HERTZ)[:-1], abs=1e-9)


@pytest.mark.filterwarnings("ignore::stapes.models.errors.Remark")
@pytest.mark.parametrize("rule", ["nalr", "camfit"])
@pytest.mark.parametrize("name", STANDARD)
def test_sections_come_within_half_a_decibel_of_the_gains(name, rule):
    """At the rates of hearing aids; and the device can hold them."""
    for rate in (16000, 24000, 48000):
        made = make_fitting(STANDARD[name], rule, sample_rate=rate)
        hertz = np.array(made.gains.frequencies)
        difference = gains_of(made.stage, hertz, rate) - made.gains.at_level(65.0)
        assert np.abs(difference[hertz < 0.45 * rate]).max() <= WITHIN_DB
        stage_params(made.stage, Transform(sample_rate=rate))


@pytest.mark.filterwarnings("ignore::stapes.models.errors.Remark")
@pytest.mark.parametrize("level_db", [50.0, 80.0])
def test_sections_come_as_near_at_other_levels(level_db):
    """Of soft speech S2 wants gains that rise from 2 to 73 dB in four octaves."""
    for name in STANDARD:
        made = make_fitting(STANDARD[name], "camfit", sample_rate=48000, level_db=level_db)
        difference = gains_of(made.stage, np.array(made.gains.frequencies), 48000) - made.gains.at_level(level_db)
        assert np.abs(difference).max() <= WITHIN_DB
        stage_params(made.stage, Transform(sample_rate=48000))


def test_soft_speech_gets_more_than_loud_speech():
    gains = np.array(make_fitting(STANDARD["N2"], "camfit").gains.gains_db)
    assert (gains[0] >= gains[1]).all()
    assert (gains[1] >= gains[2]).all()
    assert (gains[0] > gains[2] + 3).any()


def test_a_fitting_survives_its_file(tmp_path):
    made = make_fitting(STANDARD["S1"], "nalr", calibration_db=114.0)
    (tmp_path / "fitting.toml").write_text(made.to_toml())
    assert read_fitting(tmp_path / "fitting.toml") == made


def test_speech_that_would_clip_is_told():
    with pytest.warns(Remark, match="full scale is 70 dB SPL: it would clip"):
        make_fitting(STANDARD["N3"], "nalr", calibration_db=70.0)


def test_gains_that_no_sections_make_are_refused():
    with pytest.raises(StapesError, match="at 1000 Hz are missed by"):
        design(np.array([900.0, 1000.0, 1100.0]), np.array([-40.0, 40.0, -40.0]), 16000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frequencies = [250.0, 1000.0, 4000.0]\nthresholds = [1.0, 2.0, 3.0]", "a gap between 250 and 1000 Hz"),
        ("frequencies = [500.0, 1000.0]\nthresholds = [1.0, 2.0]", "give thresholds from 500 to 4000 Hz"),
        ("frequencies = [0.5, 1.0, 2.0, 4.0]\nthresholds = [1, 2, 3, 4]", "in Hz, from 20 on; not in kHz"),
        ("frequencies = [500, 1000, 2000, 4000]\nthresholds = [1, 2, 3]", "4 frequencies and 3 thresholds"),
        ("frequencies = [500, 1000, 1000, 2000, 4000]\nthresholds = [1, 2, 3, 4, 5]", "do not rise"),
        ("frequencies = [500, 1000, 2000, 4000]\nthresholds = [1, 2, 3, 400]", "threshold 400 at 4000 Hz"),
        ('unit = "dB SPL"\nfrequencies = [500, 1000]\nthresholds = [1, 2]', "unit 'dB SPL': .* convert them"),
        ("frequencies = [500, 1000]", "thresholds is missing"),
        ("frequencies = [500, nan, 2000, 4000]\nthresholds = [1, 2, 3, 4]", "finite"),
        ("frequencies = 500", "not TOML|a list"),
        ("frequencies = [500, 1000, 2000, 4000]\nthresholds = [1, 2, 3, 4]\nleft = 1", "unknown key 'left'"),
        ("[", "not TOML"),
    ],
)
def test_bad_audiograms_are_refused_in_one_line(tmp_path, text, words):
    path = tmp_path / "audiogram.toml"
    path.write_text(text)
    with pytest.raises(StapesError, match=words) as refused:
        read_audiogram(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_audiogram_names_the_standard_ones():
    with pytest.raises(StapesError, match="'N9': no such file, and no standard one; those are N1, N2"):
        read_audiogram("N9")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hz,65\n500,1\n", "the heading is frequency_hz"),
        ("frequency_hz,65\n500,1\n1000\n", "each row as long"),
        ("frequency_hz,65\n500,loud\n1000,2\n", "'loud' is no number; give numbers"),
        ("frequency_hz,65\n500,1\n1000,inf\n", "'inf' is no finite number"),
        ("frequency_hz,65\n1000,1\n500,2\n", "frequencies must rise"),
        ("frequency_hz,80,65\n500,1,2\n1000,2,3\n", "levels must rise"),
        ("frequency_hz,65\n500,1\n1000,99\n", "gain 99 dB at 1000 Hz"),
        ("", "no table of gains"),
        ("frequency_hz,65\n", "frequencies must rise"),
    ],
)
def test_bad_tables_of_gains_are_refused_in_one_line(tmp_path, text, words):
    (tmp_path / "gains.csv").write_text(text)
    with pytest.raises(StapesError, match=words):
        read_gains(tmp_path / "gains.csv")


def test_a_table_of_gains_is_a_rule(tmp_path):
    (tmp_path / "gains.csv").write_text("frequency_hz, 50, 80\n250, 2, 0\n1000, 10, 4\n4000, 20, 10\n")
    made = make_fitting(Audiogram((500.0, 1000.0, 2000.0, 4000.0), (30.0,) * 4), str(tmp_path / "gains.csv"))
    assert gains_of(made.stage, np.array([250.0, 1000.0, 4000.0]), 16000) == pytest.approx([1, 7, 15], abs=WITHIN_DB)
    assert made.rule == "gains.csv"


def test_a_fitting_of_another_rate_is_refused():
    from tests.helpers import sound_path_of

    made = make_fitting(STANDARD["N3"], "nalr", sample_rate=24000)
    with pytest.raises(StapesError, match="the fitting is for 24000 Hz, the path has 16000 Hz"):
        made.into(sound_path_of())


def test_a_changed_fitting_is_read_through_its_schema(tmp_path):
    made = make_fitting(STANDARD["N3"], "nalr")
    for before, after, words in (
        ("sample_rate = 16000", "sample_rate = 12345", "sample_rate 12345"),
        ('rule = "nalr"', "colour = 1", "unknown key 'colour'|rule is missing"),
        ("gain_db = ", "gain_db = 1e9 # ", "gain_db"),
        ("calibration_db = 120.0", "calibration_db = 1.0", "calibration_db is 1.0; it must be at least 60"),
    ):
        (tmp_path / "fitting.toml").write_text(made.to_toml().replace(before, after, 1))
        with pytest.raises(StapesError, match=words):
            read_fitting(tmp_path / "fitting.toml")
    assert dataclasses.replace(made) == made
