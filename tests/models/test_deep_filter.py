"""The filter stages of DeepFilterNet in float: their formulas, bin by bin, and the output of the official library."""

import numpy as np
import pytest
from stapes.models.audio import SoundPath, kinds
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline, synthesise

from tests.firmware_sim.deep_filter_paths import GOLDEN, PATHS, VORBIS, deep_path, needs_golden

FRAMES, BINS = 9, 41
SMALL = {"sample_rate": 8000, "analysis": 80, "synthesis": 80, "hop": 40}


def stage(kind, transform=SMALL, **settings):
    """The float definition of one stage for one utterance, by its run over frames."""
    made = kinds()[kind](**settings)
    return made.start(kinds()["transform"](**transform), 1).run


def spectra(seed, *shape):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((1, *shape)) + 1j * rng.standard_normal((1, *shape))


def test_the_look_ahead_gives_frames_that_are_known():
    noisy = spectra(0, FRAMES, BINS)
    made = stage("look_ahead", frames=2, past=1, bins=5)({"spectrum": noisy})
    for t in range(FRAMES):
        for place, frame in enumerate(range(t - 3, t + 1)):
            expected = noisy[0, frame, :5] if frame >= 0 else np.zeros(5)
            assert np.array_equal(made["taps"][0, t, place], expected)
        assert np.array_equal(made["spectrum"][0, t], noisy[0, t - 2] if t >= 2 else np.zeros(BINS))


def test_a_gain_is_that_of_its_band():
    noisy, gains = spectra(1, FRAMES, BINS), np.random.default_rng(2).uniform(0, 1, (1, FRAMES, 5))
    settings = {"bands": 5, "least": 3}
    widths = kinds()["band_gains"](**settings).widths(kinds()["transform"](**SMALL))
    made = stage("band_gains", **settings)({"spectrum": noisy, "gains": gains})["filtered"]
    band = [b for b, width in enumerate(widths) for _ in range(width)]
    for k in range(BINS):
        assert np.allclose(made[0, :, k], noisy[0, :, k] * gains[0, :, band[k]], rtol=1e-12, atol=0)


def test_a_bin_of_the_deep_filter_is_its_sum():
    taps, filtered = spectra(3, FRAMES, 4, 6), spectra(4, FRAMES, BINS)
    coefs = spectra(5, FRAMES, 6, 4)
    flat = np.stack([coefs.real, coefs.imag], axis=-1).reshape(1, FRAMES, -1)
    made = stage("deep_filter", order=4, bins=6)({"taps": taps, "coefs": flat, "filtered": filtered})["filtered"]
    for t in range(FRAMES):
        for k in range(6):
            assert np.isclose(made[0, t, k], sum(coefs[0, t, k, i] * taps[0, t, i, k] for i in range(4)), rtol=1e-12)
    assert np.array_equal(made[..., 6:], filtered[..., 6:])


@pytest.mark.parametrize("beta", [0.02, 0.5])
def test_the_post_filter_is_that_of_its_authors(beta):
    """In their form: Y (1 + beta) / (1 + beta (g / gs)^2), gs = g sin(pi g / 2); not the bin at half of the rate."""
    noisy, filtered = spectra(6, FRAMES, BINS), 0.7 * spectra(7, FRAMES, BINS)
    made = stage("post_filter", beta=beta)({"spectrum": noisy, "filtered": filtered})["filtered"]
    gain = np.clip(np.abs(filtered) / (np.abs(noisy) + 1e-12), 1e-12, 1)
    soft = gain * np.sin(np.pi * gain / 2)
    expected = filtered * (1 + beta) / (1 + beta * (gain / soft) ** 2)
    assert np.allclose(made[..., :-1], expected[..., :-1], rtol=1e-9, atol=0)
    assert np.array_equal(made[..., -1], filtered[..., -1])


def test_the_attenuation_limit_leaves_a_part_of_the_noise():
    noisy, filtered = spectra(8, FRAMES, BINS), spectra(9, FRAMES, BINS)
    made = stage("attenuation_limit", db=20.0)({"spectrum": noisy, "filtered": filtered})["filtered"]
    assert np.allclose(made, 0.9 * filtered + 0.1 * noisy, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("lsnr", "gains", "deep"),
    [
        (-11.0, 0.0, False),
        (-10.0, 0.5, True),
        (20.0, 0.5, True),
        (21.0, 0.5, False),
        (30.0, 0.5, False),
        (31.0, 1.0, False),
    ],
)
def test_the_snr_switches_gains_and_deep_filter(lsnr, gains, deep):
    """As DeepFilterNet with its thresholds -10, 30, 20: nothing is let through, both, gains alone, everything."""
    sound_path = PATHS["switched"]
    noisy = spectra(10, FRAMES, 481)
    values = {
        "spectrum": noisy,
        "gains": np.full((1, FRAMES, 32), 0.5),
        "coefs": np.ones((1, FRAMES, 960)),
        "lsnr": np.full((1, FRAMES, 1), lsnr),
    }
    for each in sound_path.after[:-1]:
        values |= each.start(sound_path.transform, 1).run(values)
    assert np.allclose(values["filtered"][..., 96:], gains * values["spectrum"][..., 96:], rtol=1e-12)
    low = np.sum((1 + 1j) * values["taps"], axis=2) if deep else gains * values["spectrum"][..., :96]
    assert np.allclose(values["filtered"][..., :96], low, rtol=1e-12)


@pytest.mark.parametrize("name", PATHS)
def test_a_stream_is_the_file_frame_by_frame(name):
    sound_path = PATHS[name]
    rng = np.random.default_rng(11)
    audio = rng.uniform(-0.5, 0.5, (1, 12 * sound_path.hop))
    values = FloatPipeline(sound_path).analyse(audio)
    asked = {q.plain: rng.uniform(0, 1, (1, 12, q.size(sound_path.transform))) for q in sound_path.asked}
    whole = synthesise(sound_path, values | asked)
    stages = [each.start(sound_path.transform, 1) for each in sound_path.after]
    for t in range(12):
        frame = {key: value[:, t] for key, value in (values | asked).items()}
        for each in stages:
            frame |= each.step(frame)
        assert np.allclose(frame["output"], whole[:, t * sound_path.hop : (t + 1) * sound_path.hop], rtol=0, atol=1e-12)


@needs_golden
@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ((), "wave_out"),
        ((), "wave_out_native"),
        (({"kind": "post_filter", "beta": 0.02},), "wave_out_native_pf002"),
        (({"kind": "attenuation_limit", "db": 12.0},), "wave_out_native_atten12"),
    ],
)
def test_the_output_is_that_of_the_official_library(extra, expected):
    golden = np.load(GOLDEN)
    sound_path = deep_path("look_ahead", "band_gains", "deep_filter", *extra)
    values = FloatPipeline(sound_path).analyse(golden["wave_in"][None].astype(np.float64))
    asked = {name: golden[name].reshape(1, 40, -1).astype(np.float64) for name in ("gains", "coefs")}
    assert np.abs(synthesise(sound_path, values | asked)[0] - golden[expected]).max() < 1e-6
    if not extra:
        for each in sound_path.after[:-1]:
            values = values | each.start(sound_path.transform, 1).run(values | asked)
        made = np.stack([values["filtered"].real, values["filtered"].imag], axis=-1)[0] / 960
        assert np.abs(made - golden["spec_enh"]).max() < 1e-6


def test_the_delay_is_told_with_the_look_ahead():
    sound_path = PATHS["all, 48 kHz"]
    assert (sound_path.delay, sound_path.latency) == (1440, 1920)
    assert (deep_path("complex_mask").delay, deep_path("complex_mask").latency) == (480, 960)


def test_the_network_stands_in_front_of_the_look_ahead():
    sound_path = PATHS["a complex mask behind a look-ahead"]
    assert [each.kind for each in sound_path.after] == ["look_ahead", "complex_mask", "inverse"]
    assert SoundPath.from_tables(sound_path.to_tables()) == sound_path


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (
            ("band_gains", "deep_filter"),
            "'deep_filter' reads taps_q31, which no stage makes; put 'look_ahead' before it",
        ),
        (
            ("look_ahead", "deep_filter"),
            "'deep_filter' reads filtered, which no stage makes; put 'band_gains' before it",
        ),
        (
            ({"kind": "look_ahead", "past": 1}, "band_gains", "deep_filter"),
            "reads taps_q31 of 5 x 96 x 2 and is given 4 x 96 x 2; let the settings of both agree",
        ),
        (({"kind": "look_ahead", "frames": 0, "past": 0},), "frames 0 and past 0: give 1 to 15 together"),
        (({"kind": "look_ahead", "frames": -1},), "frames -1: give 0 or more"),
        (({"kind": "look_ahead", "bins": 0},), "past 2: these frames are for a deep filter; give its bins"),
        (({"kind": "look_ahead", "bins": 482}, "band_gains"), "bins 482: this transform has 481 bins"),
        (("look_ahead", {"kind": "band_gains", "bands": 300}), "bands 300 of at least 2 bins"),
        (("look_ahead", "band_gains", {"kind": "deep_filter", "order": 17}), "order 17: give 2 to 16"),
        (("look_ahead", "band_gains", {"kind": "deep_filter", "bins": 0}), "bins 0: give at least 1"),
        (
            ("look_ahead", {"kind": "band_gains", "lsnr_min_db": 5.0, "lsnr_max_db": 4.0}),
            "lsnr_min_db 5 is above lsnr_max_db 4",
        ),
        (
            ("look_ahead", {"kind": "band_gains", "first": 32}, "deep_filter"),
            "first 32: there are 32 bands; give 0 to 31",
        ),
        (
            ("look_ahead", {"kind": "band_gains", "first": 22}, "deep_filter"),
            "first 22: 108 bins are without a gain, and no deep_filter behind it always takes their place; give a lower one",
        ),
        (
            ("look_ahead", {"kind": "band_gains", "first": 21}, {"kind": "deep_filter", "lsnr_min_db": -10.0}),
            "first 21: 93 bins are without a gain, and no deep_filter behind it always takes their place",
        ),
        (("look_ahead", {"kind": "band_gains", "lsnr_min_db": -200.0}), "lsnr_min_db -200.0: give -127 to 127"),
        (
            ("look_ahead", "band_gains", {"kind": "post_filter", "beta": 0.0}),
            "beta 0.0: give 0.001 to 0.9, or leave post_filter out",
        ),
        (
            ("look_ahead", "band_gains", {"kind": "attenuation_limit", "db": 100.0}),
            "db 100.0: give 0.01 to 100 dB; for no limit leave",
        ),
    ],
)
def test_what_cannot_work_is_refused(stages, message):
    with pytest.raises(StapesError, match=message):
        deep_path(*stages)


def test_a_gain_of_another_frame_is_refused():
    order = ["transform", "power", "wiener", "log", "look_ahead", "mask", "inverse"]
    with pytest.raises(
        StapesError, match="stage 'mask' reads gain_q15, which is of the present frame; behind a look-ahead leave"
    ):
        SoundPath.from_tables(
            [{"kind": kind} | ({"past": 0, "bins": 0} if kind == "look_ahead" else {}) for kind in order]
        )


def test_features_behind_the_look_ahead_are_refused():
    order = ["transform", "look_ahead", "complex", "band_gains", "inverse"]
    with pytest.raises(StapesError, match="'look_ahead' stands before the features of the network are made"):
        SoundPath.from_tables([{"kind": kind} | (VORBIS if kind == "transform" else {}) for kind in order])


def test_a_narrowed_path_asks_for_no_gain_that_the_filter_takes_the_place_of():
    """Bands 0 to 20 are the first 93 bins, of which the filter makes 96; the sound is the same without their gains."""
    sound_path = deep_path("look_ahead", "band_gains", "deep_filter")
    small = sound_path.narrowed()
    assert small.to_tables()[3] == {"kind": "band_gains", "first": 21}
    assert [q.size(small.transform) for q in small.asked] == [11, 960]
    assert small.narrowed() == small
    rng = np.random.default_rng(6)
    spectrum = rng.normal(0, 1, (2, 30, 481)) + 1j * rng.normal(0, 1, (2, 30, 481))
    gains, coefs = rng.uniform(0, 1, (2, 30, 32)), rng.normal(0, 1, (2, 30, 960))
    made = []
    for path, given in ((sound_path, gains), (small, gains[..., 21:])):
        values = {"spectrum": spectrum, "gains": given, "coefs": coefs}
        for stage in path.after[:-1]:
            values |= stage.start(path.transform, 2).run(values)
        made.append(values["filtered"])
    np.testing.assert_array_equal(*made)
    switched = deep_path("look_ahead", "band_gains", {"kind": "deep_filter", "lsnr_min_db": -10.0})
    assert switched.narrowed() == switched
