"""Output that cannot be written: one line, exit code 2, and the disk as it was before."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools.zoo import GRU_MASK

from tests.conftest import ROOT
from tests.disks import largest_file

COMMANDS = ("quantize", "export", "export tflite", "export package", "simulate", "simulate folder", "demo")


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("published", "w8a8")


@pytest.fixture(scope="module")
def clip(once, few_clips):
    """Half a second: what is looked at here is what becomes of files."""
    return once("brief.wav", lambda path: write_audio(path, read_audio(few_clips[0])[8_000:16_000]))


@pytest.fixture
def arguments(bundle, published, clip, clips):
    """What a command needs besides `-o`; in each case it would succeed."""
    return {
        "quantize": ("quantize", published, "--recipe", "w8a8", "--calibration", clip),
        "export": ("export", bundle.folder),
        "export tflite": ("export", bundle.folder, "--to", "tflite"),
        "export package": ("export", bundle.folder, "--package", "zephyr"),
        "simulate": ("simulate", bundle.folder, clip, "--engine", "numpy"),
        "simulate folder": ("simulate", bundle.folder, clips, "--engine", "numpy"),
        "demo": ("demo",),
    }


@pytest.fixture(scope="module")
def clips(clip, tmp_path_factory):
    """Two recordings in a folder of their own."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("one.wav", "two.wav"):
        (folder / name).symlink_to(clip)
    return folder


def snapshot(folder: Path) -> dict[str, str]:
    """Every path in a folder with the hash of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def refused(stapes, arguments, tmp_path):
    """Run a command with an output it must refuse -> the message; nothing in the test's folder may change."""

    def run(command: str, output: Path) -> str:
        before = snapshot(tmp_path)
        error = stapes(*arguments[command], "-o", output).error
        assert snapshot(tmp_path) == before
        return error

    return run


@pytest.mark.parametrize(
    "command", ["quantize", "export", "export tflite", "export package", "simulate folder", "demo"]
)
def test_a_file_where_a_folder_belongs(refused, tmp_path, command):
    (tmp_path / "out").write_text("a letter")
    assert f"{tmp_path / 'out'}: is a file" in refused(command, tmp_path / "out")


def test_a_folder_where_a_file_belongs(refused, tmp_path):
    (tmp_path / "out.wav").mkdir()
    assert "is a folder; give the name of a wav file" in refused("simulate", tmp_path / "out.wav")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_as_a_parent(refused, tmp_path, command):
    (tmp_path / "letter").write_text("a letter")
    error = refused(command, tmp_path / "letter" / "deep" / "out.wav")
    assert "letter" in error
    assert "cannot be written" in error or "is a file" in error


@pytest.mark.parametrize("command", ["quantize", "export package", "demo"])
def test_a_folder_that_holds_other_files(refused, tmp_path, command):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    assert "the folder holds other files; give a new folder or empty it" in refused(command, tmp_path / "out")


def test_a_folder_of_another_command_is_told_as_what_it_is(stapes, refused, bundle, tmp_path):
    assert stapes("export", bundle.folder, "-o", tmp_path / "out", "--to", "tflite").code == 0
    assert "out: holds an export that stapes wrote (1 files); give another" in refused("quantize", tmp_path / "out")


@pytest.mark.parametrize("command", ["export", "export tflite", "export package", "simulate", "simulate folder"])
def test_nothing_is_written_into_the_bundle_that_it_is_made_of(refused, bundle, command):
    for place in (bundle.folder / "out.wav", bundle.folder / "sub" / "out.wav"):
        assert f"lies in the bundle {bundle.folder}, which is sealed" in refused(command, place)


def test_a_folder_of_recordings_does_not_become_a_sound_file(refused, tmp_path):
    assert "out.wav: looks like a file" in refused("simulate folder", tmp_path / "out.wav")


def test_a_file_of_somebody_else_is_not_taken_for_exported_code(refused, bundle, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{bundle.name}.c").write_text("int main(void) { return 0; }")
    assert "was not generated" in refused("export", tmp_path / "out")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_is_no_folder_and_is_written_to_as_a_file(refused, command):
    before = os.stat("/dev/full").st_rdev
    expected = "No space left on device" if command == "simulate" else "is a file; give the name of a folder"
    assert f"/dev/full: {expected}" in refused(command, Path("/dev/full")).replace("cannot be written (", "")
    assert os.stat("/dev/full").st_rdev == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_is_too_long(refused, tmp_path, command):
    assert "File name too long" in refused(command, tmp_path / ("n" * 300) / "out.wav")


# ---- a disk that fills up


@pytest.mark.parametrize("size", [0, 100_000])
@pytest.mark.parametrize(
    "command", ["quantize", "export", "export tflite", "export package", "simulate", "simulate folder"]
)
def test_a_full_disk_leaves_nothing(refused, tmp_path, command, size):
    if command.startswith("simulate") and size == 100_000:
        size = 15_000  # of 16,044
    name = "out" if command == "simulate folder" else "out.wav"
    with largest_file(size):
        error = refused(command, tmp_path / "new" / name)
    assert "cannot be written (File too large)" in error
    assert f".{name}." not in error
    assert str(tmp_path / "new" / name) in error


@pytest.mark.parametrize("command", ["export", "export tflite", "simulate"])
def test_a_full_disk_leaves_an_earlier_output_as_it_was(stapes, refused, arguments, tmp_path, command):
    output = tmp_path / "out.wav"
    assert stapes(*arguments[command], "-o", output).code == 0
    (output.with_name("keep.txt")).write_text("mine")
    with largest_file(1000):
        assert "cannot be written" in refused(command, output)


def test_a_bundle_stays_as_it_was_when_a_new_one_fails(stapes, arguments, refused, bundle_of, tmp_path, few_clips):
    output = tmp_path / "out"
    output.mkdir()
    for path in bundle_of("published", "w8a8").folder.iterdir():
        (output / path.name).write_bytes(path.read_bytes())
    with largest_file(1000):
        assert "cannot be written" in refused("quantize", output)
    (tmp_path / "bad.pt").write_text("not a checkpoint")
    before = snapshot(tmp_path)
    assert "not a torch checkpoint" in stapes("quantize", tmp_path / "bad.pt", "-o", output).error
    assert snapshot(tmp_path) == before


def test_a_compiler_that_cannot_write_is_told_from_an_output_that_cannot(stapes, bundle, few_clips, tmp_path):
    with largest_file(70_000):
        error = stapes("simulate", bundle.folder, few_clips[0], "-o", tmp_path / "out.wav", "--engine", "native").error
    assert "out.wav" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_results_that_nobody_can_take_are_an_error():
    """In a process of its own, whose end is looked at, and by the command that loads least: all print the same way."""
    command = [sys.executable, "-m", "stapes.tools.cli", "schema", "stapes-inspect-1"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "stapes: error: standard output, or a temporary file: No space left on device; "
        "check the path, its rights and the free space"
    ]


# ---- what may be written to


def test_an_empty_folder_and_an_older_bundle_are_replaced(stapes, arguments, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / "link").symlink_to(here)
    done = stapes(*arguments["quantize"], "-o", here)
    assert done.code == 0, done
    first = snapshot(here)
    assert set(first) == {"float.onnx", "manifest.json", "model.tflite", "recipe.toml", "vectors.npz"}
    done = stapes(*arguments["quantize"], "-o", tmp_path / "link")
    assert done.code == 0, done
    assert snapshot(here) == first
    assert (tmp_path / "link").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"here", "link"}


def test_the_folder_one_is_in_is_written_to_where_it_is(stapes, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = os.stat(".").st_ino
    assert stapes(*arguments["export"], "-o", ".").code == 0
    assert (tmp_path / "Makefile").is_file()
    assert os.stat(tmp_path).st_ino == os.stat(".").st_ino == before


# ---- options


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--frobnicate",), "No such option: --frobnicate; see: stapes --help"),
        (("frobnicate",), "No such command 'frobnicate'; see: stapes --help"),
        (("simulate",), "see: stapes simulate --help"),
        (("simulate", "a", "b"), "'--output'"),
        (("inspect", "a", "--frobnicate", "--json"), "No such option: --frobnicate; see: stapes inspect --help"),
        (("inspect", "a", "b", "--json"), "see: stapes inspect --help"),
        (("export", "a", "-o", "b", "--to", "rust"), "'rust' is not one of 'c', 'tflite', 'onnx', 'vectors'"),
        (
            ("export", "a", "-o", "b", "--package", "conan"),
            "'conan' is not one of 'cmake', 'arduino', 'zephyr', 'cmsis-pack'",
        ),
        (
            ("export", "a", "-o", "b", "--package", "cmake", "--to", "onnx"),
            "--package cmake wraps the C; leave out --to onnx",
        ),
        (("inspect", "a", "--instructions-per-cycle", "1"), "give --device too"),
        (("quantize", __file__, "-o", "b", "--name", "main"), "--name 'main' is a reserved word"),
        (("quantize", __file__, "-o", "b", "--name", "int"), "--name 'int' is a reserved word"),
        (("quantize", __file__, "-o", "b", "--name", ""), "--name '' is no C identifier"),
        (("simulate", __file__, "a", "-o", "b.wav"), "is a file, and a bundle is a folder that comes first"),
        (("evaluate", "a", "--jobs", "many", "--json"), "'--jobs'"),
        (("evaluate", "a", "--jobs", "-1", "--json"), "'--jobs'"),
        (("corpus",), "Missing command; see: stapes corpus --help"),
        (("inspect", "absent\nfolder", "--json"), "absent folder: no such folder"),
        (("inspect", "[red]absent[/red]", "--json"), "[red]absent[/red]: no such folder"),
        (("inspect", ":warning:", "--json"), ":warning:: no such folder"),
    ],
)
def test_what_the_command_line_does_not_know(stapes, line, words):
    assert words in stapes(*line).error


def test_help_is_no_error(stapes):
    for line in ((), ("--help",), ("quantize", "--help"), ("corpus", "--help")):
        done = stapes(*line)
        assert (done.code, done.stderr) == (0, "")
        assert "Usage: stapes" in done.stdout


def test_the_installed_command_says_the_same_in_a_process_of_its_own(tmp_path):
    command = [
        sys.executable,
        "-m",
        "stapes.tools.cli",
        "quantize",
        str(GRU_MASK),
        "-o",
        str(tmp_path / "out"),
        "--recipe",
        "w1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("stapes: error: recipe 'w1': not built in")
    assert list(tmp_path.iterdir()) == []
