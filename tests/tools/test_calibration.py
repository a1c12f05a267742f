"""Calibration reads what it uses, says what it did not use, and refuses what cannot serve before any work."""

import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import soundfile
from stapes.firmware_sim.compare import sha256_of
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import write_audio
from stapes.tools import calibration
from stapes.tools.calibration import read_calibration

from tests.helpers import sound_path_of, speech_like
from tests.quantize.onnx_models import gru

AUDIO = SimpleNamespace(inputs=("features",), sizes=({"features": 65}, {"mask": 65}))
FRAMES = SimpleNamespace(inputs=("x", "y"), shapes={"x": (1, 3), "y": (2,)})


def read(*paths, vector_samples=16_000):
    return read_calibration(list(paths), sound_path_of(), AUDIO, vector_samples, "net.onnx")


@pytest.fixture
def few(monkeypatch):
    """500 frames are enough, two seconds."""
    monkeypatch.setattr(calibration, "MAX_FRAMES", 500)


@pytest.fixture
def recording(tmp_path):
    """Five seconds, 16 kHz."""
    path = tmp_path / "five.wav"
    write_audio(path, speech_like(5.0))
    return path


def test_of_a_long_recording_the_start_is_used_and_a_note_says_so(few, recording, tmp_path):
    start = tmp_path / "two.wav"
    soundfile.write(start, soundfile.read(recording, dtype="int16")[0][:32_000], 16_000, subtype="PCM_16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = read(start)
    with pytest.warns(UserWarning, match=r"five\.wav: calibration uses its first 2 s, 500 frames in all are enough"):
        found = read(recording)
    assert np.array_equal(found.sequences[0]["features"], expected.sequences[0]["features"])
    assert np.array_equal(found.audio_q15, expected.audio_q15)
    with pytest.warns(UserWarning, match="1 of 2 files were not used"):
        both = read(start, recording)
    assert len(both.sequences) == 1
    assert [name for name, _ in both.files] == ["two.wav", "five.wav"]


def test_a_recording_of_another_rate_is_read_as_far_as_it_is_used(few, tmp_path):
    audio = np.repeat(speech_like(5.0), 3)
    soundfile.write(tmp_path / "long.wav", audio, 48_000, subtype="PCM_16")
    soundfile.write(tmp_path / "start.wav", audio[: 48_000 * 3], 48_000, subtype="PCM_16")
    with pytest.warns(UserWarning, match="resampled"):
        long, start = read(tmp_path / "long.wav"), read(tmp_path / "start.wav")
    assert np.array_equal(long.sequences[0]["features"], start.sequences[0]["features"])


def test_memory_goes_with_what_is_used(few, tmp_path):
    minute = (speech_like(10.0) * 32767 * 0.5).astype(np.int16)
    peaks = []
    for name, repeats in (("short.wav", 1), ("long.wav", 60)):
        with soundfile.SoundFile(tmp_path / name, "w", 16_000, 1, "PCM_16") as file:
            for _ in range(repeats):
                file.write(minute)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tracemalloc.start()
            read(tmp_path / name)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_files_analysed_in_groups_give_what_they_give_side_by_side(recording, few_clips, monkeypatch):
    whole = read(few_clips[0], recording, few_clips[1])
    monkeypatch.setattr(calibration, "MOST_PADDED_FRAMES", 1)
    apart = read(few_clips[0], recording, few_clips[1])
    assert len(whole.sequences) == len(apart.sequences) == 3
    for a, b in zip(whole.sequences, apart.sequences, strict=True):
        assert np.array_equal(a["features"], b["features"])
    assert np.array_equal(whole.audio_q15, apart.audio_q15)


def test_what_cannot_serve_is_told_before_anything_is_analysed(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(FloatPipeline, "analyse", lambda *_: pytest.fail("analysed"))
    bad = {
        "text.wav": b"hello, I am no recording",
        "empty.wav": b"",
        "cut.wav": recording.read_bytes()[:-1000],
        "frames.npz": b"PK",
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StapesError, match=name):
            read(recording, tmp_path / name)
    write_audio(tmp_path / "silence.wav", np.zeros(32_000))
    with pytest.raises(
        StapesError, match=r"silence in the 2.0 s of .*silence.wav that are used; give audio with sound in it"
    ):
        read(tmp_path / "silence.wav")
    write_audio(tmp_path / "click.wav", np.full(60, 0.5))
    with pytest.raises(StapesError, match="at least one second"):
        read(tmp_path / "click.wav")
    with pytest.raises(StapesError, match="no such file or folder"):
        read(recording, tmp_path / "absent.wav")


def test_frames_are_held_to_the_network(tmp_path, recording):
    path = tmp_path / "frames.npz"
    good = {"x": np.zeros((9, 3)), "y": np.zeros((9, 2), np.int16), "z": np.zeros(1)}
    np.savez_compressed(path, **good)
    found = read_calibration([path], None, FRAMES, 1, "net.onnx")
    assert {name: (a.shape, a.dtype.name) for name, a in found.sequences[0].items()} == {
        "x": ((9, 3), "float32"),
        "y": ((9, 2), "float32"),
    }
    for changes, words in (
        ({"x": np.zeros((8, 3))}, "different numbers of frames"),
        ({"x": np.zeros((9, 4))}, r"array 'x' has shape \(9, 4\), not \(frames, 3\)"),
        ({"x": np.zeros(())}, "array 'x' has shape"),
        ({"x": np.zeros((0, 3))}, r"frames.npz: array 'x' holds no frames"),
        ({"x": np.full((9, 3), np.nan)}, "array 'x' holds NaN"),
        ({"x": np.zeros((9, 3), complex)}, "holds complex"),
    ):
        np.savez(path, **{**good, **changes})
        with pytest.raises(StapesError, match=words):
            read_calibration([path], None, FRAMES, 1, "net.onnx")
    np.savez(path, x=good["x"])
    with pytest.raises(StapesError, match="no array 'y'"):
        read_calibration([path], None, FRAMES, 1, "net.onnx")
    with pytest.raises(StapesError, match="recordings, but net"):
        read_calibration([recording], None, FRAMES, 1, "net.onnx")
    with pytest.raises(StapesError, match=r"--calibration FRAMES\.npz"):
        read_calibration([], None, FRAMES, 1, "net.onnx")


def test_samples_in_memory_calibrate_as_their_file_does(recording):
    samples, _ = soundfile.read(recording, dtype="int16")
    filed = read(recording)
    for given in (samples, samples / 32768.0):
        held = read(given)
        assert np.array_equal(held.audio_q15, filed.audio_q15)
        assert np.array_equal(held.sequences[0]["features"], filed.sequences[0]["features"])
        assert held.files == [("samples in memory", sha256_of(samples))]
    both = read(recording, samples)
    assert len(both.sequences) == 2
    with pytest.raises(StapesError, match="NaN or beyond 1"):
        read(samples.astype(np.float64))
    with pytest.raises(StapesError, match=r"samples, but net.onnx names no front end"):
        read_calibration([samples], None, FRAMES, 0, "net.onnx")


def test_a_value_out_of_proportion_is_named_with_its_file(stapes, tmp_path):
    frames = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32)
    usual, wrong = tmp_path / "usual.npz", tmp_path / "wrong.npz"
    np.savez(usual, x=frames)
    frames[50, 3] = 1e30
    np.savez(wrong, x=frames)
    onnx.save(gru(np.random.default_rng(0)), tmp_path / "gru.onnx")
    line = ["quantize", tmp_path / "gru.onnx", "-o", tmp_path / "b", "--calibration", usual, "--calibration", wrong]
    error = stapes(*line).error
    assert error.startswith(f"{wrong}: frame 50 of 'x' holds 1e+30, where half of the values are below 0.6")
    assert "leave it out if it is a mistake; " in error
    assert not (tmp_path / "b").exists()
    # What still fits is quantised, with the same words as a note.
    frames[50, 3] = 1e7
    np.savez(wrong, x=frames)
    done = stapes(*line)
    assert done.code == 0, done
    assert f"stapes: note: {wrong}: frame 50 of 'x' holds 1e+07" in done.stderr
