"""Audio files: what is read is what was written, and bad files are refused by one clear line."""

import contextlib
import warnings

import numpy as np
import pytest
import soundfile
from stapes.models.errors import Remark, StapesError
from stapes.models.sound_files import (
    float_to_q15,
    list_audio,
    probe_audio,
    q15_to_float,
    read_audio,
    write_audio,
)


def test_every_q15_value_survives_the_way_to_float_and_back():
    values = np.arange(-32768, 32768).astype(np.int16)
    assert np.array_equal(float_to_q15(q15_to_float(values)), values)


def test_float_beyond_full_scale_saturates():
    assert float_to_q15(np.array([1.0, 1.5, -1.0, -7.0, 0.5 / 32768])).tolist() == [32767, 32767, -32768, -32768, 1]


def test_written_samples_are_read_back_bit_for_bit_without_a_warning(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
    write_audio(tmp_path / "a.wav", samples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audio = read_audio(tmp_path / "a.wav")
    assert audio.dtype == np.float32
    assert np.array_equal(float_to_q15(audio), samples)


@pytest.mark.parametrize("rate", [8000, 24000, 44100, 48000])
def test_a_file_of_the_rate_of_the_path_is_taken_as_it_is(tmp_path, rate):
    samples = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
    write_audio(tmp_path / "a.wav", samples, rate)
    assert soundfile.info(tmp_path / "a.wav").samplerate == rate
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(float_to_q15(read_audio(tmp_path / "a.wav", rate=rate)), samples)
        assert len(read_audio(tmp_path / "a.wav", most=100, rate=rate)) == 100


def test_stereo_at_another_rate_is_averaged_and_resampled_with_a_word(tmp_path):
    time = np.arange(48000) / 48000
    left = 0.5 * np.sin(2 * np.pi * 500 * time)
    soundfile.write(tmp_path / "a.flac", np.stack([left, 0 * left], axis=1), 48000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        audio = read_audio(tmp_path / "a.flac")
    assert [("channels" in str(w.message), "48000" in str(w.message)) for w in caught] == [(True, False), (False, True)]
    assert len(audio) == 16000
    expected = 0.25 * np.sin(2 * np.pi * 500 * np.arange(16000) / 16000)
    assert np.abs(audio - expected)[500:-500].max() < 1e-3


def _truncated(path):
    soundfile.write(path, np.zeros(16000), 16000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:20000])


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda p: None, "no such"),
        (lambda p: p.write_bytes(b""), "empty"),
        (lambda p: p.write_bytes(b"this is not audio at all" * 9), "cannot be read"),
        (_truncated, "cut off"),
        (lambda p: soundfile.write(p, np.zeros(0), 16000), "no samples"),
        (lambda p: soundfile.write(p, np.zeros(2400), 999), "says 999 samples a second"),
        (lambda p: soundfile.write(p, np.array([0.0, np.nan, 0.1]), 16000, subtype="FLOAT"), "NaN"),
    ],
)
def test_bad_file_is_refused_by_a_line_that_names_it(tmp_path, make, word):
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(StapesError, match=word) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_that_looks_like_mp3_is_told_by_our_line_alone(tmp_path, capfd):
    path = tmp_path / "noisy.wav"
    soundfile.write(tmp_path / "noisy.mp3", np.sin(np.arange(16000) / 20).astype(np.float32), 16000)
    frames = bytearray((tmp_path / "noisy.mp3").read_bytes())
    frames[:4], frames[1000:1100] = b"\xff\xff\x00\x00", bytes(100)
    path.write_bytes(frames)
    for look in (read_audio, probe_audio):
        with contextlib.suppress(StapesError):
            look(path)
    assert capfd.readouterr().err == ""


def test_a_rate_at_which_there_is_no_speech_is_refused_from_the_header_alone(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(2400), 1)
    with pytest.raises(StapesError, match="says 1 samples a second"):
        probe_audio(tmp_path / "a.wav")
    soundfile.write(tmp_path / "a.wav", np.zeros(2400), 1000)
    probe_audio(tmp_path / "a.wav")
    with pytest.warns(Remark, match="resampled from 1000"):
        assert len(read_audio(tmp_path / "a.wav")) == 2400 * 16


def test_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(StapesError, match="cannot be written"):
        write_audio(tmp_path / "absent" / "a.wav", np.zeros(64))
    assert list(tmp_path.iterdir()) == []


def test_folders_are_listed_sorted_and_to_any_depth(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/z.wav", "a.flac", "c.WAV", "note.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert list_audio([tmp_path]) == [tmp_path / "a.flac", tmp_path / "b/z.wav", tmp_path / "c.WAV"]


@pytest.mark.parametrize("content", [[], ["empty"], ["absent"]])
def test_nothing_to_list_is_an_error(tmp_path, content):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StapesError):
        list_audio([tmp_path / name for name in content])
