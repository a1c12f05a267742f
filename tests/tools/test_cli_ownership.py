"""Each command leaves alone what it did not write, and says before the work that something is in its way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from stapes.tools.audio import DEMO
from stapes.tools.zoo import GRU_MASK

NOISY = sorted(DEMO.glob("*_noisy.flac"))[0]


def texts(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def bundle(bundle_of, tmp_path):
    """A copy that may be written into."""
    shutil.copytree(bundle_of("published", "w8a16").folder, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def clip(tmp_path):
    """A tenth of a second: the work is not what is looked at."""
    (tmp_path / "clips").mkdir()
    samples, rate = soundfile.read(NOISY, dtype="int16", frames=1600)
    soundfile.write(tmp_path / "clips" / "clip.wav", samples, rate)
    return tmp_path / "clips" / "clip.wav"


def test_manifest_of_somebody_else_makes_no_bundle(stapes, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text('{"name": "web app", "files": {"icon": "icon.png"}}')
    (tmp_path / "app" / "index.html").write_text("<h1>mine</h1>")
    before = texts(tmp_path)
    assert f"{tmp_path / 'app' / 'manifest.json'}: " in stapes("quantize", GRU_MASK, "-o", tmp_path / "app").error
    assert texts(tmp_path) == before


def test_bundle_made_again_keeps_notes_and_lock(stapes, bundle, clip, published, few_clips):
    before = texts(bundle)
    again = ("quantize", published, "-o", bundle, *(word for path in few_clips for word in ("--calibration", path)))
    for name in ("notes.txt", "takes/monday.wav"):
        (bundle / name).parent.mkdir(exist_ok=True)
        (bundle / name).write_bytes(b"mine")
    done = stapes("regress", bundle, clip, "--engine", "numpy", "--update")
    assert done.code == 0, done
    assert stapes(*again).code == 0
    after = texts(bundle)
    assert {name: after[name] for name in before} == before
    assert {"notes.txt", "takes/monday.wav", "lock.json"} | set(before) == set(after)
    # A lock that was changed by hand, and a sealed file that was.
    (bundle / "lock.json").write_text("{}")
    assert "lock.json: damaged" in stapes("regress", bundle, clip, "--engine", "numpy", "--update").error
    (bundle / "recipe.toml").write_text("mine")
    assert "recipe.toml: has been changed" in stapes(*again).error
    assert (bundle / "recipe.toml").read_text() == "mine"


def test_network_is_not_quantised_over_itself(stapes, bundle):
    assert "float.onnx: is an input" in stapes("quantize", bundle / "float.onnx", "-o", bundle).error


def test_exported_folder_keeps_what_is_not_its_own_and_what_was_edited(stapes, bundle, tmp_path):
    assert stapes("export", bundle, "-o", tmp_path / "c").code == 0
    made = texts(tmp_path / "c")
    (tmp_path / "c" / "runtime" / "stapes_mine.c").write_text("int mine;")
    assert stapes("export", bundle, "-o", tmp_path / "c").code == 0
    assert texts(tmp_path / "c") == made | {"runtime/stapes_mine.c": b"int mine;"}
    for name in ("runtime/matrices/stapes_matrices.h", "Makefile"):
        former = (tmp_path / "c" / name).read_bytes()
        (tmp_path / "c" / name).write_bytes(former + b"/* edited */\n")
        before = texts(tmp_path)
        assert f"{tmp_path / 'c' / name}: has been changed" in stapes("export", bundle, "-o", tmp_path / "c").error
        assert texts(tmp_path) == before
        (tmp_path / "c" / name).write_bytes(former)


def test_files_of_a_bundle_are_exported_side_by_side_and_not_over_others(stapes, bundle, tmp_path):
    for kind in ("tflite", "onnx", "vectors", "tflite"):
        assert stapes("export", bundle, "-o", tmp_path / "out", "--to", kind).code == 0
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".tflite", ".onnx", ".npz", ""}
    (file,) = (tmp_path / "out").glob("*.npz")
    file.write_bytes(b"mine")
    assert f"{file}: has been changed" in stapes("export", bundle, "-o", tmp_path / "out", "--to", "vectors").error
    assert file.read_bytes() == b"mine"


def test_simulated_sound_follows_links_and_leaves_other_files(stapes, bundle, clip, tmp_path):
    (tmp_path / "link.wav").symlink_to(tmp_path / "real.wav")
    line = ("simulate", bundle, clip, "--engine", "numpy", "-o")
    for _ in range(2):
        assert stapes(*line, tmp_path / "link.wav").code == 0
    assert (tmp_path / "link.wav").is_symlink()
    assert soundfile.info(tmp_path / "real.wav").frames == 1600
    assert stapes(*line, tmp_path / "out.flac").code == 0
    assert soundfile.info(tmp_path / "out.flac").format == "FLAC"
    assert (soundfile.read(tmp_path / "out.flac")[0] == soundfile.read(tmp_path / "real.wav")[0]).all()
    for name, words in (
        ("out.mp3", "give the name of a wav or flac file"),
        ("new/", "is a folder; give the name of a wav"),
    ):
        assert words in stapes(*line, f"{tmp_path}/{name}").error
    assert not (tmp_path / "new").exists()
    # A folder of recordings: two runs beside each other, and a file of the user's.
    folder = ("simulate", bundle, clip.parent, "--engine", "numpy", "-o", tmp_path / "enhanced")
    for _ in range(2):
        assert stapes(*folder).code == 0
    (tmp_path / "enhanced" / "clip.wav").write_bytes(b"mine")
    assert "clip.wav: has been changed" in stapes(*folder).error
    assert (tmp_path / "enhanced" / "clip.wav").read_bytes() == b"mine"


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_sound_file_is_replaced_only_as_long_as_it_is_what_was_written(stapes, bundle, clip, tmp_path, suffix):
    out = tmp_path / f"out.{suffix}"
    line = ("simulate", bundle, clip, "--engine", "numpy", "-o", out)
    assert stapes(*line).code == 0
    written = out.read_bytes()
    assert stapes(*line, "--align").code == 0
    assert stapes(*line).code == 0
    assert out.read_bytes() == written
    samples, rate = soundfile.read(out, dtype="int16")
    with soundfile.SoundFile(out) as file:
        comment = file.comment
    samples[100] ^= 1
    for kept in ("", comment):  # a recording of the user's, and an output that was edited and kept its comment
        with soundfile.SoundFile(out, "w", rate, 1, subtype="PCM_16") as file:
            if kept:
                file.comment = kept
            file.write(samples)
        before = out.read_bytes()
        assert f"{out}: exists and was not written by stapes, or was changed since" in stapes(*line).error
        assert out.read_bytes() == before
    out.write_bytes(b"")
    assert stapes(*line).code == 0
    assert out.read_bytes() == written


def test_sound_goes_to_standard_output_alone(bundle, clip, tmp_path):
    command = [
        sys.executable,
        "-m",
        "stapes.tools.cli",
        "simulate",
        str(bundle),
        str(clip),
        "--engine",
        "numpy",
        "-o",
        "/dev/stdout",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=True)
    (tmp_path / "piped.wav").write_bytes(done.stdout)
    assert soundfile.info(tmp_path / "piped.wav").frames == 1600
    assert len(done.stdout) == 44 + 2 * 1600
    assert b"1 file(s)" in done.stderr


@pytest.mark.parametrize("place", ["report.html", "report"])
def test_report_that_cannot_be_written_is_told_before_the_scores(stapes, bundle, tmp_path, place):
    (tmp_path / "letter").write_text("a letter")
    assert "letter: is a file" in stapes("evaluate", bundle, "--html", tmp_path / "letter" / place).error
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "thesis.txt: not written by stapes" in stapes("evaluate", bundle, "--html", tmp_path / "mine").error
