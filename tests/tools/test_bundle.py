"""A bundle is what it was when it was made, byte for byte, or it is refused; the same input gives the same bundle."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from stapes.export.c.names import free_name
from stapes.export.c.runtime import runtime_sha256
from stapes.export.tflite import from_bytes
from stapes.models.errors import StapesError
from stapes.models.sound_files import write_audio
from stapes.quantize.recipe import load_recipe
from stapes.tools.audio_files import read_batch
from stapes.tools.bundle import SEALED, canonical_json, load_bundle, seal, sha256
from stapes.tools.library.quantize import quantize

from tests.conftest import ROOT

FILES = ("manifest.json", *SEALED)


@pytest.fixture(scope="module")
def original(bundle_of):
    return bundle_of("published", "w8a8")


@pytest.fixture
def copy(original, tmp_path):
    """A bundle of this test's own."""
    return shutil.copytree(original.folder, tmp_path / "bundle")


def flip(path, place, bit=0):
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


# ---- what a bundle says


def test_a_bundle_says_everything_about_itself(original, published, few_clips):
    assert {path.name for path in original.folder.iterdir()} == set(FILES)
    manifest = original.manifest
    assert manifest["checkpoint"] == {"file": published.name, "sha256": sha256(published.read_bytes())}
    assert manifest["calibration"]["files"] == [
        {"file": clip.name, "sha256": sha256(clip.read_bytes())} for clip in few_clips
    ]
    assert manifest["calibration"]["frames"] == 2 * 500
    assert [tuple(pair) for pair in manifest["states"]] == [(s.input, s.output) for s in original.graph.states]
    assert original.recipe == load_recipe("w8a8")
    assert original.require_sound_path().latency == 128
    assert original.hash == sha256(canonical_json({k: v for k, v in manifest.items() if k != "bundle_sha256"}))
    assert original.lock() == {}
    assert set(from_bytes(original.tflite).tensors) == set(original.graph.tensors)


def test_nothing_in_a_bundle_tells_of_the_machine_that_made_it(original):
    for name in FILES:
        data = (original.folder / name).read_bytes()
        assert str(original.folder.parent).encode() not in data, name
        assert str(ROOT).encode() not in data, name


def test_the_golden_vectors_are_those_of_the_graph(original):
    vectors = original.vectors()
    assert {name: str(array.dtype) for name, array in vectors.items()} == {
        "audio_in_q15": "int16",
        "audio_out_q15": "int16",
        original.graph.inputs[0]: "int8",
        original.graph.outputs[0]: "int8",
    }
    assert vectors["audio_in_q15"].shape == vectors["audio_out_q15"].shape == (16_000,)
    assert len(np.unique(vectors["audio_out_q15"])) > 1000


def test_the_same_input_gives_the_same_bytes_in_another_process_and_place(original, published, few_clips, tmp_path):
    command = [
        sys.executable,
        "-m",
        "stapes.tools.cli",
        "quantize",
        os.path.relpath(published, tmp_path),
        "-o",
        "again",
    ]
    command += ["--recipe", "w8a8", *(word for clip in few_clips for word in ("--calibration", str(clip)))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (original.folder / name).read_bytes(), name


def test_another_recipe_or_calibration_is_another_bundle(original, published, few_clips, tmp_path):
    other = quantize(published, tmp_path / "b", recipe="w8a8", calibration=few_clips[:1]).bundle
    assert other.hash != original.hash
    assert other.float_onnx.read_bytes() == original.float_onnx.read_bytes()


@pytest.mark.parametrize("name", ["größe", "while", "3rd", "", "a b", "gru-mask", "__x__"])
def test_a_file_name_becomes_a_name_for_c(name):
    made = free_name(name)
    assert made.isascii()
    assert made.isidentifier()
    assert free_name(made) == made


# ---- what is refused


@pytest.mark.parametrize("name", FILES)
def test_one_changed_bit_anywhere_is_refused(original, copy, name):
    path = copy / name
    size = path.stat().st_size
    rng = np.random.default_rng(len(name))
    for place in [0, size - 1, *rng.integers(0, size, 5).tolist()]:
        path.write_bytes((original.folder / name).read_bytes())
        flip(path, place, int(rng.integers(8)))
        with pytest.raises(StapesError, match=f"{name}: (changed|damaged)"):
            load_bundle(copy)
    path.write_bytes((original.folder / name).read_bytes())
    assert load_bundle(copy).hash == original.hash


@pytest.mark.parametrize("name", FILES)
def test_a_byte_more_or_less_is_refused(copy, name):
    path = copy / name
    data = path.read_bytes()
    for changed in (data + b" ", data + b"\n", data[:-1], b" " + data, b""):
        path.write_bytes(changed)
        with pytest.raises(StapesError, match=f"{name}: (changed|damaged)"):
            load_bundle(copy)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["inspect", "regress", "export", "simulate", "evaluate"])
def test_every_command_refuses_a_changed_or_missing_file(stapes, copy, few_clips, tmp_path, name, command):
    arguments = {
        "inspect": (copy, "--json"),
        "regress": (copy, few_clips[0], "--json"),
        "evaluate": (copy, "--json"),
        "export": (copy, "-o", tmp_path / "out"),
        "simulate": (copy, few_clips[0], "-o", tmp_path / "out.wav"),
    }
    flip(copy / name, 100)
    error = stapes(command, *arguments[command]).error
    assert str(copy / name) in error
    assert "make the bundle again" in error
    (copy / name).unlink()
    error = stapes(command, *arguments[command]).error
    assert name in error
    assert "missing" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_a_file_of_another_bundle_is_refused(copy, bundle_of):
    other = bundle_of("published", "w8a16")
    for name in ("model.tflite", "recipe.toml", "vectors.npz"):
        kept = (copy / name).read_bytes()
        (copy / name).write_bytes((other.folder / name).read_bytes())
        with pytest.raises(StapesError, match=f"{name}: changed"):
            load_bundle(copy)
        (copy / name).write_bytes(kept)


def test_what_is_no_bundle_is_refused_with_the_way_to_one(stapes, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name in ("absent", "file", "empty"):
        error = stapes("inspect", tmp_path / name, "--json").error
        assert str(tmp_path / name) in error
        assert "stapes quantize" in error


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "3", '{"files": []}', '{"bundle_sha256": 3, "files": {}}', "[" * 99]
)
def test_a_manifest_that_says_something_else(copy, text):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(StapesError, match=r"manifest.json: (damaged|changed)"):
        load_bundle(copy)


def test_a_bundle_of_another_format_is_told_from_a_damaged_one(copy):
    manifest = json.loads((copy / "manifest.json").read_bytes())
    body = {**{k: v for k, v in manifest.items() if k != "bundle_sha256"}, "format": 99}
    (copy / "manifest.json").write_bytes(canonical_json({**body, "bundle_sha256": sha256(canonical_json(body))}))
    with pytest.raises(StapesError, match="bundle format 99, this stapes reads 1 and 2"):
        load_bundle(copy)


def test_a_manifest_names_its_oracle_and_the_runtime_of_its_version(original):
    pinned = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["dependencies"]
    assert original.manifest["oracle"] in {requirement.partition(";")[0] for requirement in pinned}
    assert original.manifest["runtime_sha256"] == runtime_sha256()


def test_a_bundle_of_the_first_format_is_the_same_path(copy):
    """It held the path as a flat table, with every default written out."""
    manifest = json.loads((copy / "manifest.json").read_bytes())
    flat = {
        "analysis": 128,
        "hop": 64,
        "features": "magnitude",
        "mask_floor_db": None,
        "mask_on": "wiener",
        "startup_frames": 29,
    }
    body = {k: v for k, v in manifest.items() if k not in ("bundle_sha256", "stages", "oracle", "runtime_sha256")} | {
        "format": 1,
        "frontend": flat,
    }
    (copy / "manifest.json").write_bytes(canonical_json({**body, "bundle_sha256": sha256(canonical_json(body))}))
    stages = manifest["stages"]
    assert load_bundle(copy).require_sound_path().to_tables() == stages
    assert [stage["kind"] for stage in stages] == ["transform", "power", "wiener", "magnitude", "mask", "inverse"]


def test_a_network_without_an_audio_path_has_no_audio_to_run_on(stapes, copy, few_clips, tmp_path):
    manifest = json.loads((copy / "manifest.json").read_bytes())
    network = {k: v for k, v in load_bundle(copy).vectors().items() if not k.startswith("audio_")}
    np.savez(copy / "vectors.npz", **network)
    seal(copy, {k: v for k, v in manifest.items() if k != "bundle_sha256"} | {"stages": None})
    error = stapes("simulate", copy, few_clips[0], "-o", tmp_path / "out.wav").error
    assert "without an audio path" in error
    assert "without an audio path" in stapes("regress", copy, few_clips[0], "--json").error


# ---- the lock


@pytest.fixture
def blip(tmp_path):
    """A tenth of a second of noise."""
    write_audio(tmp_path / "blip.wav", np.random.default_rng(0).integers(-9000, 9000, 1600).astype(np.int16))
    return tmp_path / "blip.wav"


@pytest.fixture
def locked(copy):
    """A bundle with a lock on the output of two recordings."""
    load_bundle(copy).write_lock({sha256(b"one"): sha256(b"output"), sha256(b"two"): sha256(b"other output")})
    return copy


def test_a_lock_survives_and_does_not_change_the_bundle(original, locked):
    bundle = load_bundle(locked)
    assert bundle.hash == original.hash
    assert len(bundle.lock()) == 2


def test_one_changed_bit_in_the_lock_is_refused(locked):
    path = locked / "lock.json"
    bundle, data = load_bundle(locked), path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data)
        flip(path, place, place % 8)
        with pytest.raises(
            StapesError, match=r"lock.json: (damaged.*; move it away, and|of another bundle;) lock again"
        ):
            bundle.lock()


@pytest.mark.parametrize("place", [30, -30], ids=["bundle", "outputs"])
def test_regress_refuses_a_changed_lock_and_locks_again_when_it_has_been_moved_away(stapes, locked, blip, place):
    path = locked / "lock.json"
    flip(path, len(path.read_bytes()) + place if place < 0 else place)
    line, changed = ("regress", locked, blip, "--engine", "numpy", "--json"), path.read_bytes()
    for update in ([], ["--update"][: place < 0]):
        assert "lock again with: stapes regress --update" in stapes(*line, *update).error
    assert path.read_bytes() == changed
    path.rename(locked / "mine.json")
    assert json.loads(stapes(*line, "--update").stdout)["locked"] == "updated"
    assert json.loads(stapes(*line).stdout)["locked"] == "equal"


def test_the_lock_of_another_bundle_is_refused(stapes, locked, bundle_of, blip, tmp_path):
    other = shutil.copytree(bundle_of("published", "w8a16").folder, tmp_path / "other")
    shutil.copy(locked / "lock.json", other / "lock.json")
    line = ("regress", other, blip, "--engine", "numpy", "--json")
    assert "of another bundle; lock again with: stapes regress --update, or leave it" in stapes(*line).error
    assert json.loads(stapes(*line, "--no-lock").stdout)["locked"] == "not locked"
    assert json.loads(stapes(*line, "--update").stdout)["locked"] == "updated"
    assert set(load_bundle(other).lock()) == set(read_batch([blip]).hashes())


def test_a_bundle_that_takes_the_place_of_another_keeps_its_lock_and_says_so(stapes, locked, complex_mask, few_clips):
    lock = (locked / "lock.json").read_bytes()
    done = stapes("quantize", complex_mask, "-o", locked, "--calibration", few_clips[1])
    assert done.code == 0, done
    assert "the lock is of the bundle before; stapes regress --update makes it new" in done.stderr
    assert (locked / "lock.json").read_bytes() == lock
    assert "of another bundle" in stapes("regress", locked, few_clips[1], "--engine", "numpy").error
