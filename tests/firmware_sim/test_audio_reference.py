"""The integer audio path against the float reference, and what a hearing aid may count on."""

import time

import numpy as np
import pytest
from stapes.firmware_sim.audio.path import AudioPath
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline
from stapes.quantize.audio import path_params
from stapes.quantize.audio.scaling import feature_scaling
from stapes.quantize.audio.transform import LONGEST_ANALYSIS
from stapes.quantize.graph import Tensor

from tests.firmware_sim.audio_signals import NOISY, extremes, shipped, to_q15
from tests.helpers import sound_path_of, spectral_path, speech_like

FRONTENDS = {
    "magnitude": sound_path_of(gain_input=True),
    "log": sound_path_of(features="log", gain_input=True),
    "compressed": sound_path_of(features="compressed"),
    "noisy": sound_path_of(features="log", gain_input=True, mask_on="noisy", clear_snr_db=10.0),
    "analysis 256": sound_path_of(analysis=256, features="log"),
    "analysis 512": sound_path_of(analysis=512, features="compressed"),
}
LEVELS = {"full level": 0.0, "-30 dB": -30.0}


def run(sound_path, signals_q15, bypass=False):
    """(B, S) int16 -> output (B, S) int16 and every quantity of every frame, (B, T, ...); `bypass` sets all gains to one."""
    path, hop = AudioPath(sound_path, len(signals_q15)), sound_path.hop
    frames, output = [], []
    for t in range(signals_q15.shape[1] // hop):
        frames.append(path.analyse(signals_q15[:, t * hop : (t + 1) * hop]))
        if bypass:
            path.frame["gain_q15"] = np.full_like(path.frame["gain_q15"], 2**15)
        output.append(path.synthesise())
    return np.concatenate(output, axis=1), {
        name: np.stack([frame[name] for frame in frames], axis=1) for name in frames[0]
    }


def material(level_db):
    """Real speech in noise and speech-like tones, 5 s each, peak at the level."""
    samples = 80_000
    clips = [shipped(name)[:samples] / 2**15 for name in NOISY]
    made = [speech_like(5.0, seed, noise_db, level_db=-1.0) for seed, noise_db in ((0, -25.0), (1, -40.0), (2, -60.0))]
    audio = np.stack([clip / np.abs(clip).max() for clip in (*clips, *made)])
    return to_q15(audio * 10 ** (level_db / 20))


def snr_db(reference, value):
    return 10 * np.log10(np.sum(reference**2) / np.sum((value - reference) ** 2))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", FRONTENDS)
def test_the_wiener_filter_follows_the_float_reference(name, level):
    signals = material(LEVELS[level])
    output, frames = run(FRONTENDS[name], signals)
    reference = FloatPipeline(FRONTENDS[name]).trace(signals / 2**15)
    length = output.shape[1]
    assert snr_db(reference["output"][:, :length], output / 2**15) >= (45.0 if level == "full level" else 30.0)
    differ = frames["speech"] != reference["speech"]
    assert differ.mean() < (0.01 if level == "full level" else 0.05)
    assert 0.1 < reference["speech"].mean() < 0.9
    assert np.array_equal(frames["silent"], reference["silent"])
    settled = np.abs(frames["clarity_q15"] / 2**15 - reference["clarity"]) < 0.01
    assert settled.mean() > (0.999 if level == "full level" else 0.98)
    assert (FRONTENDS[name].stages[2].clear_snr_db is None) == (reference["clarity"].max() == 0)
    features = frames["features_q20"] / 2**20
    assert snr_db(reference["features"], features) >= (60.0 if level == "full level" else 50.0)


@pytest.mark.parametrize("name", FRONTENDS)
def test_each_quantity_is_what_its_format_says(name):
    """Before any VAD decision can differ: the first 40 frames of full-level material."""
    sound_path = FRONTENDS[name]
    signals = material(0.0)[:, : 40 * 64]
    _, frames = run(sound_path, signals)
    reference = FloatPipeline(sound_path).analyse(signals / 2**15)
    scale = sound_path.transform.analysis * 2.0 ** (-30.0 - frames["exponent"][..., None])
    spectrum = (frames["spectrum_q31"][..., 0] + 1j * frames["spectrum_q31"][..., 1]) * scale
    assert snr_db(np.abs(reference["spectrum"]), np.abs(spectrum)) > 120
    power = np.abs(reference["spectrum"]) ** 2 / sound_path.transform.window_power
    assert snr_db(power, frames["power_q40"] / 2.0**40) > 120
    assert np.abs(frames["gain_q15"] / 2**15 - reference["gain"]).max() < 1e-4
    assert np.abs(frames["gain2_q30"] / 2**30 - reference["gain"] ** 2).max() < 1e-4


@pytest.mark.parametrize("analysis", [32, 128, 256, 512])
def test_with_all_gains_at_one_the_output_is_the_input(analysis):
    """Bit for bit, whatever the signal: the path itself adds nothing."""
    synthesis = min(analysis, 128)
    sound_path = sound_path_of(analysis=analysis, synthesis=synthesis, hop=synthesis // 2)
    signals = np.stack(list(extremes(16_000).values()))
    output, _ = run(sound_path, signals, bypass=True)
    assert np.array_equal(output[:, sound_path.delay :], signals[:, : -sound_path.delay])
    assert not output[:, : sound_path.delay].any()


def test_at_the_longest_analysis_the_output_is_the_input_within_a_bit():
    signals = np.stack(list(extremes(16_000).values()))
    output, _ = run(sound_path_of(analysis=LONGEST_ANALYSIS), signals, bypass=True)
    assert np.abs(output[:, 64:].astype(int) - signals[:, :-64]).max() <= 1


def test_silence_never_locks_the_gain_open():
    """Noise around digital silence: afterwards the gain is as low as in noise without any."""
    silences = [(0.0, 0.25), (4.0, 2.0)]
    noise = to_q15(0.02 * np.random.default_rng(0).standard_normal((4, 10 * 16_000)))
    signals = np.stack([noise, *(noise.copy() for _ in silences)])
    spans = [(int(start * 16_000), int((start + seconds) * 16_000)) for start, seconds in silences]
    for disturbed, (first, last) in zip(signals[1:], spans, strict=True):
        disturbed[:, first:last] = 0
    _, frames = run(sound_path_of(), signals.reshape(-1, noise.shape[1]))
    silent, speech, gain = (
        frames[name].reshape(3, 4, *frames[name].shape[1:]) for name in ("silent", "speech", "gain_q15")
    )
    for row, (first, last) in enumerate(spans, 1):
        after = slice(last // 64 + 125, None)
        assert silent[row][:, first // 64 + 2 : last // 64].all()
        assert not silent[row][:, after].any()
        assert speech[row][:, after].mean() < 0.05
        assert gain[row][:, after].mean() < 1.1 * gain[0][:, after].mean()
        assert gain[row][:, after].mean() < 0.45 * 2**15


def test_a_jump_of_the_noise_is_escaped_from():
    """Noise that becomes 40 dB louder is taken for speech for vad_hold_frames, and suppressed 10 s after those."""
    sound_path = sound_path_of(vad_hold_frames=250)
    level = np.where(np.arange(16 * 16_000) < 2 * 16_000, 0.001, 0.1)
    noise = to_q15(level * np.random.default_rng(1).standard_normal((2, 16 * 16_000)))
    _, frames = run(sound_path, noise)
    held = frames["speech"][:, 510:745]
    assert held.all()
    assert frames["speech"][:, -250:].mean() < 0.1
    assert frames["gain_q15"][:, -250:].mean() < 0.45 * 2**15


def test_every_value_stays_within_its_type():
    limits = {"prior_q24": 2**31, "gain2_q30": 2**30 + 1, "gain_q15": 2**15, "level_q24": 2**31, "features_q20": 2**30}
    for sound_path in FRONTENDS.values():
        _, frames = run(sound_path, np.stack(list(extremes(16_000).values())))
        for name in limits.keys() & frames.keys():
            assert np.abs(frames[name]).max() < limits[name]
        assert frames["power_q40"].max() < 2**50
        assert np.abs(frames["spectrum_q31"]).max() < 2**31 * 0.32


def test_it_is_fast():
    """64 utterances of one second in under two seconds, the network apart."""
    signals = np.stack([np.roll(row, 97 * k) for k in range(8) for row in material(0.0)[:, :16_000]])[:48]
    signals = np.concatenate([signals, signals[:16]])
    start = time.process_time()
    run(sound_path_of(features="log", gain_input=True), signals)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"analysis": 4096}, "analysis 4096"),
        (
            {"analysis": 4096, "synthesis": 4096, "hop": 2048},
            "analysis 4096: the fixed-point transform takes 32 to 1024 samples",
        ),
        ({"analysis": 8, "synthesis": 8, "hop": 4}, "analysis 8"),
        ({"analysis": 2048, "features": "log", "startup_frames": 4096}, "startup_frames 4096: .* at most 2048"),
        ({"gamma_max": 100.0}, "gamma_max 100"),
        ({"startup_frames": 5000}, "startup_frames 5000"),
        ({"noise_floor": 2.0**-40}, "noise_floor"),
        ({"xi_min_db": -70.0}, "xi_min_db -70"),
    ],
)
def test_what_the_formats_cannot_hold_is_refused(change, message):
    with pytest.raises(StapesError, match=message):
        path_params(sound_path_of(**change))


@pytest.mark.parametrize("scale", [2.0**-40, 0.0])
def test_a_tensor_scale_that_cannot_work_is_refused(scale):
    with pytest.raises(StapesError, match="tensor 'x'"):
        feature_scaling(sound_path_of().features, Tensor("x", (1, 65), "int16", np.array([scale], np.float32)))


def test_a_block_of_the_wrong_size_is_refused():
    with pytest.raises(StapesError, match="analyse takes"):
        AudioPath(sound_path_of(), 2).analyse(np.zeros((2, 65), np.int16))


@pytest.mark.parametrize("level", LEVELS)
def test_log_magnitudes_follow_the_float_reference(level):
    """In decades: within the last bits of the transform where a bin is loud, and never under the floor where it is silent."""
    path = spectral_path(512, "hann")
    signals = np.concatenate([material(LEVELS[level])[:2], np.zeros((1, 80_000), np.int16)])[:, :20_480]
    _, frames = run(path, signals)
    reference = FloatPipeline(path).trace(signals / 2**15)["features"][:, : frames["features_q20"].shape[1]]
    error = np.abs(frames["features_q20"] / 2**20 - reference)
    loud = reference > reference.max(axis=(1, 2), keepdims=True) - 4
    assert error[loud].max() < 1e-3
    assert np.median(error) < 1e-4
    assert np.all(frames["features_q20"][-1] == -12 * 2**20)


@pytest.mark.parametrize("analysis", [64, 512])
def test_hann_twice_gives_the_sound_back(analysis):
    path = spectral_path(analysis, "hann")
    signals = material(0.0)[:2, :10_240]
    output, _ = run(path, signals)
    late = path.delay
    assert np.abs(output[:, late:].astype(int) - signals[:, : output.shape[1] - late]).max() <= 2
