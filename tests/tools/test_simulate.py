"""`stapes simulate` tells a script what it wrote, and what it wrote is what the device would play."""

import json

import numpy as np
import pytest
import soundfile
from stapes.firmware_sim.compare import sha256_of
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.sound_files import float_to_q15, read_audio
from stapes.tools.bundle import load_bundle
from stapes.tools.library.quantize import quantize
from stapes.tools.library.simulate import simulate


def test_json_names_each_file_and_the_hash_of_its_samples(stapes, bundle_of, few_clips, tmp_path):
    bundle = bundle_of("zoo", "w8a16")
    clip = few_clips[0]
    done = stapes("simulate", bundle.folder, clip, "-o", tmp_path / "out.wav", "--engine", "numpy", "--json")
    document = json.loads(done.stdout)
    written, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    expected = (
        Pipeline(bundle.sound_path, NumpyNetwork(bundle.graph)).run(float_to_q15(read_audio(clip))[None]).audio_q15[0]
    )
    np.testing.assert_array_equal(written, expected)
    (entry,) = document["files"]
    assert rate == 16000
    assert entry["samples"] == len(expected)
    assert entry["sha256"] == sha256_of(expected)
    assert document["bundle_sha256"] == bundle.hash
    assert document["realtime_factor"] > 0


def test_aligned_output_lies_over_the_input(stapes, bundle_of, few_clips, tmp_path):
    bundle = bundle_of("zoo", "w8a16")
    for name, option in (("raw", ()), ("aligned", ("--align",))):
        stapes("simulate", bundle.folder, few_clips[0], "-o", tmp_path / f"{name}.wav", "--engine", "numpy", *option)
    raw, _ = soundfile.read(tmp_path / "raw.wav", dtype="int16")
    aligned, _ = soundfile.read(tmp_path / "aligned.wav", dtype="int16")
    delay = bundle.sound_path.delay
    assert len(raw) == len(aligned)
    np.testing.assert_array_equal(aligned[:-delay], raw[delay:])


PROGRAMS = {"program": [{"strength": {"mix": 0.5}}]}


@pytest.fixture(scope="module")
def controlled(once, published, few_clips):
    """A bundle of the published network with all controls and a program."""
    return load_bundle(
        once(
            "controlled",
            lambda path: quantize(published, path, calibration=few_clips, controls="all", programs=PROGRAMS),
        )
    )


CONTROLS = """
[[change]]
seconds = 0.5
program = 1
volume.gain_db = -6.0

[[change]]
seconds = 1.0
bypass.on = true
"""


def test_controls_of_a_file_are_in_force_from_their_time_on(stapes, controlled, few_clips, tmp_path):
    (tmp_path / "c.toml").write_text(CONTROLS)
    for engine in ("numpy", "native"):
        options = ("--engine", engine, "--controls", tmp_path / "c.toml")
        done = stapes("simulate", controlled.folder, few_clips[0], "-o", tmp_path / f"{engine}.wav", *options)
        assert done.code == 0
    made, _ = soundfile.read(tmp_path / "numpy.wav", dtype="int16")
    assert (made == soundfile.read(tmp_path / "native.wav", dtype="int16")[0]).all()
    one_by_one = [
        {"seconds": 0.5, "strength": {"mix": 0.5}, "volume": {"gain_db": -6.0}},
        {"seconds": 1.0, "bypass": {"on": True}},
    ]
    same = simulate(controlled, few_clips[0], engine="numpy", controls={"change": one_by_one}).files[0].audio_q15
    assert (made == same).all()
    at_rest = simulate(controlled, few_clips[0], engine="numpy").files[0].audio_q15
    plain = simulate(controlled, few_clips[0], engine="numpy", controls={"change": []}).files[0].audio_q15
    assert (at_rest == plain).all()
    assert (made[:8000] == at_rest[:8000]).all()
    dry = float_to_q15(read_audio(few_clips[0]))[16_320 - 64 : -64]
    assert np.abs(made[16_320:] - np.round(dry * 10 ** (-6 / 20))).max() <= 1


def test_a_picture_shows_input_and_output(stapes, controlled, few_clips, tmp_path):
    for _ in range(2):  # once more in its own place
        options = ("-o", tmp_path / "out.wav", "--engine", "numpy", "--plot", tmp_path / "out.png")
        assert stapes("simulate", controlled.folder, few_clips[0], *options).code == 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--controls", "none.toml"), "none.toml: cannot be read"),
        (
            ("--controls", "bad.toml"),
            "bad.toml: unknown key 'volum' in change[0]; known are seconds, program, mask_floor",
        ),
        (("--plot", "picture.svg"), "pictures are PNG files"),
    ],
)
def test_what_controls_and_pictures_refuse(stapes, controlled, few_clips, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text("[[change]]\nseconds = 0.0\nvolum.gain = 1.0\n")
    assert message in stapes("simulate", controlled.folder, few_clips[0], "-o", "out.wav", *options).error
    assert not (tmp_path / "out.wav").exists()


def test_a_bundle_without_controls_takes_none(stapes, bundle_of, few_clips, tmp_path):
    (tmp_path / "c.toml").write_text(CONTROLS)
    options = ("-o", tmp_path / "out.wav", "--controls", tmp_path / "c.toml")
    done = stapes("simulate", bundle_of("zoo", "w8a16").folder, few_clips[0], *options)
    assert "this path has no controls; make the bundle with stapes quantize --controls" in done.error
