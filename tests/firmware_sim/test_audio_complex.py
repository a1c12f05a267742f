"""The audio path around a complex mask: against the float reference, what a mask of one does, and what every value is bounded by."""

import numpy as np
import pytest
from stapes.firmware_sim.audio.complex_mask import apply_complex_mask
from stapes.firmware_sim.audio.path import AudioPath
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline, synthesise
from stapes.quantize.audio import path_params
from stapes.quantize.audio.complex_mask import LONGEST_ANALYSIS as LONGEST_COMPLEX_ANALYSIS

from tests.firmware_sim.audio_signals import NOISY, extremes, shipped, to_q15
from tests.helpers import sound_path_of, speech_like

GTCRN = sound_path_of(analysis=512, synthesis=512, hop=256, features="complex")
FRONTENDS = {
    "that of GTCRN": GTCRN,
    "analysis 128": sound_path_of(features="complex"),
    "analysis 512, hop 64": sound_path_of(analysis=512, features="complex"),
    "analysis 32": sound_path_of(analysis=32, synthesis=32, hop=16, features="complex"),
}
LARGEST_Q15 = 2**15 - 1


def run(sound_path, signals_q15, masks_q15=None):
    """(B, S) int16, masks (T, mask_size) or None -> output (B, S) int16 and every quantity of every frame, (B, T, ...)."""
    path, hop = AudioPath(sound_path, len(signals_q15)), sound_path.hop
    frames, output = [], []
    for t in range(signals_q15.shape[1] // hop):
        frames.append(path.analyse(signals_q15[:, t * hop : (t + 1) * hop]))
        shape = len(signals_q15), sound_path.mask_size
        output.append(
            path.synthesise(None if masks_q15 is None else {"mask_q15": np.broadcast_to(masks_q15[t], shape)})
        )
    return np.concatenate(output, axis=1), {
        name: np.stack([frame[name] for frame in frames], axis=1) for name in frames[0]
    }


def constant_mask(sound_path, frames, real, imag=0):
    row = np.concatenate([np.full(sound_path.transform.bins, real), np.full(sound_path.transform.bins, imag)])
    return np.broadcast_to(row, (frames, 2 * sound_path.transform.bins))


def some_masks(sound_path, frames, seed=0):
    """Of any value, both ends of the format among them."""
    rng = np.random.default_rng(seed)
    masks = rng.integers(-(2**15), 2**15, (frames, sound_path.mask_size))
    masks[::5] = rng.choice([-(2**15), LARGEST_Q15], masks[::5].shape)
    return masks


def whole_hops(signals, sound_path):
    return signals[:, : signals.shape[1] // sound_path.hop * sound_path.hop]


def all_extremes(sound_path, samples=16_384):
    return whole_hops(np.stack(list(extremes(samples).values())), sound_path)


def speech(level_db, sound_path):
    clips = [shipped(name)[:48_000] / 2**15 for name in NOISY] + [speech_like(3.0, seed=1, noise_db=-40.0)]
    audio = np.stack([clip / np.abs(clip).max() for clip in clips])
    return whole_hops(to_q15(audio * 10 ** (level_db / 20)), sound_path)


def float_output(sound_path, signals_q15, masks_q15):
    """What the float pipeline makes of the same samples and the same mask."""
    made = FloatPipeline(sound_path).analyse(signals_q15 / 2**15)
    masks = np.broadcast_to(masks_q15 / 2**15, (len(signals_q15), *masks_q15.shape))
    return made, synthesise(sound_path, {**made, "mask": masks})


def snr_db(reference, value):
    return 10 * np.log10(np.sum(reference**2) / np.sum((value - reference) ** 2))


# ---- against float


@pytest.mark.parametrize("level_db", [0.0, -30.0, -60.0])
@pytest.mark.parametrize("name", FRONTENDS)
def test_features_and_output_are_those_of_float(name, level_db):
    """At every level the output is the float one rounded to 16 bits, but for the last bit's ties."""
    sound_path = FRONTENDS[name]
    signals = speech(level_db, sound_path)
    masks = some_masks(sound_path, signals.shape[1] // sound_path.hop)
    # Within full scale, as the sum of two frames with masks of their own may be louder.
    signals = signals // 4
    output, frames = run(sound_path, signals, masks)
    reference, expected = float_output(sound_path, signals, masks)
    # The transform is good to 40 steps; the float magnitude of nothing is 1e-6, one step of Q20.
    steps = 0.5 + 1.05 + 40 / 2.0 ** (path_params(sound_path)[1].shift + frames["exponent"][..., None])
    assert (np.abs(frames["features_q20"] - reference["features"] * 2**20) <= steps).all()
    assert np.abs(expected).max() < 1
    assert np.abs(output - expected * 2**15).max() < 0.57
    scale = sound_path.transform.analysis * 2.0 ** (-30.0 - frames["exponent"][..., None])
    spectrum = (frames["spectrum_q31"][..., 0] + 1j * frames["spectrum_q31"][..., 1]) * scale
    assert snr_db(np.abs(reference["spectrum"]), np.abs(spectrum)) > 110


@pytest.mark.parametrize("name", FRONTENDS)
def test_what_is_louder_than_full_scale_saturates(name):
    sound_path = FRONTENDS[name]
    signals = all_extremes(sound_path)
    masks = some_masks(sound_path, signals.shape[1] // sound_path.hop, seed=1)
    output, _ = run(sound_path, signals, masks)
    _, expected = float_output(sound_path, signals, masks)
    assert np.abs(expected).max() > 1
    assert np.abs(output - np.clip(expected * 2**15, -(2**15), LARGEST_Q15)).max() < 0.6


# ---- a mask of one


@pytest.mark.parametrize("name", FRONTENDS)
def test_without_a_mask_the_output_is_the_input_bit_for_bit(name):
    sound_path = FRONTENDS[name]
    signals = all_extremes(sound_path)
    output, _ = run(sound_path, signals)
    assert np.array_equal(output[:, sound_path.delay :], signals[:, : -sound_path.delay])
    assert not output[:, : sound_path.delay].any()


@pytest.mark.parametrize(("real", "furthest"), [(LARGEST_Q15, 1), (127 << 8, 256)], ids=["int16", "int8"])
@pytest.mark.parametrize("name", FRONTENDS)
def test_the_largest_mask_of_a_tensor_is_one_less_its_last_bit(name, real, furthest):
    """32767 / 32768 or 127 / 128 of the input, rounded: a last bit of int16 away from it, or 0.07 dB quieter."""
    sound_path = FRONTENDS[name]
    signals = all_extremes(sound_path)
    output, _ = run(sound_path, signals, constant_mask(sound_path, signals.shape[1] // sound_path.hop, real))
    given, made = signals[:, : -sound_path.delay].astype(float), output[:, sound_path.delay :]
    assert np.abs(made - given * real / 2**15).max() < 0.56
    assert np.abs(made - given).max() <= furthest


def test_a_mask_of_minus_one_turns_the_sign_of_every_sample():
    signals = all_extremes(GTCRN)
    output, _ = run(GTCRN, signals, constant_mask(GTCRN, signals.shape[1] // GTCRN.hop, -(2**15)))
    expected = np.minimum(-signals[:, : -GTCRN.delay].astype(int), LARGEST_Q15)
    # The sum of the windows rounds half upwards: a half of a step less one way than the other.
    assert np.abs(output[:, GTCRN.delay :] - expected).max() <= 1
    assert (output[:, GTCRN.delay :] != expected).mean() < 0.01


def test_an_imaginary_mask_turns_by_a_quarter_of_a_period():
    samples = np.arange(16_384)
    tone = to_q15(0.5 * np.cos(2 * np.pi * samples / 16))[None]
    output, _ = run(GTCRN, tone, constant_mask(GTCRN, 64, 0, LARGEST_Q15))
    expected = -0.5 * np.sin(2 * np.pi * (samples - GTCRN.delay) / 16) * 2**15
    settled = slice(2 * GTCRN.transform.analysis, -2 * GTCRN.transform.analysis)
    # What the window leaks over from the negative frequency turns the other way: 75 dB below.
    assert np.abs(output[0, settled] - expected[settled]).max() < 4


def test_what_a_mask_turns_at_the_ends_of_the_spectrum_does_not_sound():
    """A constant and an alternating signal under an imaginary mask: nothing is left of their own bins."""
    spectrum = np.zeros((1, GTCRN.transform.bins, 2), np.int64)
    spectrum[0, [0, -1], 0] = 2**29
    filtered = apply_complex_mask(1, spectrum, constant_mask(GTCRN, 1, 0, LARGEST_Q15))
    assert not filtered.any()


# ---- bounds


@pytest.mark.parametrize("name", FRONTENDS)
def test_every_value_stays_within_its_type(name):
    sound_path = FRONTENDS[name]
    signals = all_extremes(sound_path)
    _, frames = run(sound_path, signals)
    assert np.abs(frames["features_q20"]).max() < 2**30
    assert np.abs(frames["spectrum_q31"]).max() < 2**31 * 0.32
    assert frames["features_q20"][..., : sound_path.transform.bins].min() >= 0
    worst = np.full((1, sound_path.mask_size), -(2**15))
    for t in range(frames["spectrum_q31"].shape[1]):
        masks = np.broadcast_to(worst, (len(signals), worst.size))
        filtered = apply_complex_mask(1, frames["spectrum_q31"][:, t], masks)
        assert np.abs(filtered).max() < 2**31 * 0.91


def test_the_loudest_frame_under_the_loudest_mask_does_not_wrap():
    """The signal that adds up in one bin, turned by 45 degrees and raised by 3 dB: what comes out saturates, and nothing wraps."""
    sound_path = sound_path_of(analysis=LONGEST_COMPLEX_ANALYSIS, synthesis=512, hop=256, features="complex")
    samples = np.arange(16_384)
    rows = [
        np.where(np.cos(2 * np.pi * k * samples / 512 + phase) >= 0, 32767, -32768)
        for k in (0, 1, 3, 255, 256)
        for phase in (0.0, 0.8)
    ]
    signals = np.stack(rows).astype(np.int16)
    for real, imag in ((-(2**15), -(2**15)), (LARGEST_Q15, LARGEST_Q15), (-(2**15), LARGEST_Q15)):
        masks = constant_mask(sound_path, 64, real, imag)
        output, _ = run(sound_path, signals, masks)
        _, expected = float_output(sound_path, signals, masks)
        assert np.abs(output - np.clip(expected * 2**15, -(2**15), LARGEST_Q15)).max() < 0.6


def test_a_longer_analysis_is_refused():
    with pytest.raises(StapesError, match=r"analysis 1024: .* 32 to 512 samples with a complex mask"):
        path_params(sound_path_of(analysis=1024, features="complex"))


def test_there_is_no_wiener_filter():
    _, frames = run(GTCRN, all_extremes(GTCRN, 2_048))
    assert set(frames) == {"exponent", "spectrum_q31", "features_q20"}
