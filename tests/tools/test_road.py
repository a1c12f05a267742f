"""The whole road on one network: checkpoint, bundle, C, sound, and all engines equal in every bit."""

import json

import numpy as np
import pytest
import soundfile
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools.audio import DEMO

from tests.machine import lacking


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A second and a half of noisy speech, with its clean partner."""
    folder = tmp_path_factory.mktemp("recordings")
    for kind in ("noisy", "clean"):
        write_audio(folder / f"machine_{kind}.wav", read_audio(DEMO / f"machine_{kind}.flac")[16_000:40_000])
    return folder


def test_a_checkpoint_becomes_firmware_that_sounds_alike_on_every_engine(
    stapes, published, few_clips, recordings, tmp_path
):
    bundle, noisy, made = tmp_path / "mask", recordings / "machine_noisy.wav", tmp_path / "made.wav"
    calibration = [word for clip in few_clips for word in ("--calibration", clip)]
    assert stapes("quantize", published, "-o", bundle, "--recipe", "w8a8", *calibration).code == 0
    assert stapes("export", bundle, "-o", tmp_path / "c").code == 0
    assert (tmp_path / "c" / "runtime" / "matrices" / "stapes_matrices.h").is_file()

    engines = ["numpy", *(name for name in ("native", "tflm") if not lacking(name))]
    assert stapes("simulate", bundle, noisy, "-o", made, "--engine", engines[-1]).code == 0
    samples, rate = soundfile.read(made, dtype="int16")
    assert (len(samples), rate) == (24_000, 16_000)
    assert len(np.unique(samples)) > 1000

    chosen = [word for name in engines for word in ("--engine", name)]
    done = stapes("regress", bundle, recordings, *chosen, "--json")
    document = json.loads(done.stdout)
    assert document["identical"] is True
    assert document["first_difference"] is None
    assert set(document["engines"]) == set(engines)
    told = json.loads(stapes("inspect", bundle, "--json").stdout)
    assert told["macs_per_frame"] > 100_000


def test_what_cannot_be_done_is_one_line(stapes, tmp_path):
    absent = stapes("quantize", tmp_path / "absent.pt", "-o", tmp_path / "out")
    assert "absent.pt" in absent.error
    (tmp_path / "text.pt").write_text("no checkpoint")
    assert "text.pt" in stapes("quantize", tmp_path / "text.pt", "-o", tmp_path / "out").error
    assert str(tmp_path) in stapes("simulate", tmp_path, tmp_path / "text.pt", "-o", tmp_path / "out.wav").error
    assert not list(tmp_path.glob("out*"))
