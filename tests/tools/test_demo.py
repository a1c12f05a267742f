"""The demonstration leaves a whole folder, the same bytes each time, and names what this machine lacks."""

import json
import shutil
from types import SimpleNamespace

import pytest
import soundfile
import typer
from stapes.models.errors import StapesError
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools.audio import DEMO
from stapes.tools.bundle import load_bundle
from stapes.tools.cli.demo import demo
from stapes.tools.commands import demo as command
from typer.testing import CliRunner

from tests.answers import answer

APP = typer.Typer()
APP.command()(demo)


@pytest.fixture(autouse=True)
def short_recordings(tmp_path, monkeypatch):
    """One pair of three quarters of a second, so that a run takes seconds."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for kind in ("noisy", "clean"):
        write_audio(folder / f"machine_{kind}.wav", read_audio(DEMO / f"machine_{kind}.flac")[8000:20_000])
    monkeypatch.setattr(command, "DEMO", folder)


@pytest.fixture
def without_quantising(monkeypatch, bundle_of):
    """A bundle from elsewhere in place of the one that the demonstration makes first."""

    def copy(checkpoint, folder, *, recipe):
        shutil.copytree(bundle_of("zoo", recipe.name).folder, folder)
        return SimpleNamespace(bundle=load_bundle(folder))

    monkeypatch.setattr(command, "quantize", copy)


def test_a_run_leaves_sound_picture_code_and_bundle_and_agrees_in_every_bit(tmp_path):
    result = CliRunner().invoke(APP, ["-o", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    document = answer(result.stdout, "demo")
    assert document["identical"]
    assert document["engines"]["numpy"]["bits"] == "reference"
    assert set(document["engines"]) == {"numpy", "native", "tflm", "litert"}
    for name in document["files"]:
        assert (tmp_path / "out" / name).exists(), name
    for system in ("noisy", "float", "integer"):
        sound = soundfile.info(tmp_path / "out" / "audio" / f"machine_{system}.wav")
        assert (sound.frames, sound.samplerate, sound.subtype) == (12_000, 16_000, "PCM_16")
    assert (tmp_path / "out" / "c" / "gru_mask" / "gru_mask.h").is_file()
    kept = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert kept["bundle_sha256"] == document["bundle_sha256"]
    assert "realtime_factor" not in json.dumps(kept)


@pytest.mark.usefixtures("without_quantising")
def test_a_missing_engine_is_named_and_the_rest_runs(tmp_path, monkeypatch):
    missing = {
        "native": "engine native: no C compiler found; install gcc or clang, or set CC",
        "tflm": "no [wheel] here",
    }
    monkeypatch.setattr(command, "unavailable", lambda: missing)
    result = CliRunner().invoke(APP, ["-o", str(tmp_path / "out")], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "no C compiler found" in result.output
    assert "no [wheel] here" in result.output
    assert "the reference" in result.output


@pytest.mark.usefixtures("without_quantising")
def test_an_engine_that_differs_fails_the_run(tmp_path, monkeypatch):
    make = command.make_engine

    def broken(name, bundle):
        engine = make(name, bundle)
        if name == "tflm":
            run = engine.run

            def run_with_one_bit_wrong(*args, **kwargs):
                out = run(*args, **kwargs)
                out.audio_q15[0, 1000] ^= 1
                return out

            engine.run = run_with_one_bit_wrong
        return engine

    monkeypatch.setattr(command, "make_engine", broken)
    monkeypatch.setattr(command, "unavailable", lambda: {"native": "left out of this test"})
    result = CliRunner().invoke(APP, ["-o", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 1
    document = answer(result.stdout, "demo")
    assert not document["identical"]
    assert document["engines"]["tflm"]["bits"] == "differ"


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(StapesError, match="holds other files"):
        CliRunner().invoke(APP, ["-o", str(tmp_path / "mine")], catch_exceptions=False)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
