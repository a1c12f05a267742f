"""`stapes simulate` tells a script what it wrote, and what it wrote is what the device would play."""

import json

import numpy as np
import soundfile
from stapes.firmware_sim.compare import sha256_of
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.sound_files import float_to_q15, read_audio


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
