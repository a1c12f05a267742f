"""Recordings become 16 kHz mono, trimmed and levelled; what is unfit is turned down."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from stapes.tools.corpus.decode import RATE, Unfit, active_level_db, read_native, read_noise, read_speech

from tests.tools.corpus.clips import read


class TestDecode:
    def test_speech_is_set_to_minus_26_dbfs_and_trimmed(self, tmp_path: Path) -> None:
        silence = np.zeros(2 * RATE, np.float32)
        soundfile.write(tmp_path / "a.wav", np.concatenate([silence, 0.1 * read("speech_it_1"), silence]), RATE)
        x, form = read_speech(tmp_path / "a.wav")
        assert form == "16000x1"
        assert abs(active_level_db(x) + 26) < 0.05
        assert abs(len(x) - len(read("speech_it_1"))) < 0.2 * RATE

    def test_stereo_at_44100_becomes_mono_at_16000(self, tmp_path: Path) -> None:
        tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
        soundfile.write(tmp_path / "a.wav", np.stack([tone, tone], axis=1), 44100)
        x = read_noise(tmp_path / "a.wav")
        assert len(x) == RATE
        assert np.argmax(np.abs(np.fft.rfft(x))) == 1000

    def test_g722_is_decoded(self, tmp_path: Path) -> None:
        speech = read("speech_ru_1")[: RATE * 3]
        with av.open(str(tmp_path / "a.g722"), "w", format="g722") as container:
            stream = container.add_stream("g722", rate=RATE, layout="mono")
            samples = (speech * 32767).astype(np.int16)[None, :]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = RATE
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        x, rate, channels = read_native(tmp_path / "a.g722")
        assert (rate, channels) == (RATE, 1)
        lag = int(np.argmax(np.correlate(x[:8000], speech[:7000], "valid")))
        x, y = x[lag : lag + 40000].astype(float), speech[:40000].astype(float)
        assert 10 * np.log10(np.sum(y**2) / np.sum((x - y) ** 2)) > 15

    @pytest.mark.parametrize(
        ("rate", "gain", "reason"), [(8000, 1.0, "narrowband"), (RATE, 40.0, "clipped"), (RATE, 0.0, "silent")]
    )
    def test_what_is_no_clean_target_is_turned_down(self, tmp_path: Path, rate: int, gain: float, reason: str) -> None:
        soundfile.write(tmp_path / "a.wav", np.clip(gain * read("speech_it_1"), -1, 1), rate)
        with pytest.raises(Unfit, match=reason):
            read_speech(tmp_path / "a.wav")

    def test_a_rate_at_which_a_second_of_noise_would_be_hours_is_turned_down(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.wav", 0.1 * read("speech_it_1"), 1)
        with pytest.raises(Unfit, match="says 1 samples a second"):
            read_noise(tmp_path / "a.wav")

    def test_a_file_that_is_no_audio_is_turned_down(self, tmp_path: Path) -> None:
        (tmp_path / "a.wav").write_text("no audio")
        with pytest.raises(Unfit, match="cannot be decoded"):
            read_speech(tmp_path / "a.wav")
