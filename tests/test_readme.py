"""The README line by line: its commands run, in its order, in a folder with what a reader would have there.

A line that takes hours, or a package index, is read by the command line all the same: each option that it names is there.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile

from tests.machine import require

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)
# Not run here, and why.
ELSEWHERE = {
    "make demo": "tests/tools/test_demo.py runs it",
    "make test": "is what runs this",
    "--recipe auto": "takes ten minutes; tests/tools/test_auto_recipe.py runs a short search",
    "stapes corpus": "fetches gigabytes; tests/tools/corpus runs it on small packages",
    "stapes train": "takes hours; tests/tools/test_training.py runs short ones",
    "stapes.tools.training.score": "needs a trained network; tests/tools/test_score.py runs it",
    "--against rnnoise": "needs extras and minutes; tests/tools/test_slow_metrics.py runs them where they are installed",
    "cmake --preset": "tests/export/test_packages_cmake.py builds and runs both presets",
}


def commands():
    """Every command of the README's blocks, in order, without its remark."""
    lines = [line for kind, block in BLOCKS if not kind for line in block.splitlines()]
    return [re.sub(r"\s{2,}#.*", "", line).strip() for line in lines if line.strip()]


def the_block(kind, word):
    """The one block of a language that holds a word."""
    (block,) = (block for language, block in BLOCKS if language == kind and word in block)
    return block


def reason(command):
    return next((why for words, why in ELSEWHERE.items() if words in command), None)


HERE = [command for command in commands() if reason(command) is None]
THERE = [command for command in commands() if reason(command) is not None]
IN_PROSE = [text for text in re.findall(r"`(stapes [a-z]+ [^`]+)`", README) if text != "stapes corpus fetch"]
IN_PROSE_HERE = [
    text for text in IN_PROSE if text.startswith(("stapes simulate", "stapes regress", "stapes inspect build/mask"))
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, few_clips):
    """A reader's folder: a checkpoint, recordings, pairs, an ONNX file of a network with and without an audio path."""
    import numpy as np
    from stapes.models.gru_mask import GruMaskConfig
    from stapes.models.onnx_export import STAGES_KEY, to_proto
    from stapes.models.sound_files import read_audio, write_audio
    from stapes.tools.audio_files import DEMO

    from tests.helpers import random_network

    folder = tmp_path_factory.mktemp("workshop")
    (folder / "models").symlink_to(ROOT / "models")
    shutil.copy(ROOT / "models" / "zoo" / "gru_mask.pt", folder / "my_checkpoint.pt")
    shutil.copy(few_clips[0], folder / "noisy.wav")
    for name in ("my_recordings", "recordings", "pairs"):
        (folder / name).mkdir()
    for clip in few_clips:
        shutil.copy(clip, folder / "my_recordings")
    shutil.copy(few_clips[1], folder / "recordings")
    for path in DEMO.glob("water_*"):
        write_audio(folder / "pairs" / f"{path.stem}.wav", read_audio(path)[16_000:40_000])
    config = GruMaskConfig(hidden_dim=8, num_layers=1, narrow_dim=8, fc_dim=0, features="log", gain_input=True)
    proto = to_proto(random_network(config.to_dict()), config.sound_path())
    for entry in list(proto.metadata_props):
        if entry.key == STAGES_KEY:
            proto.metadata_props.remove(entry)
    (folder / "mine.onnx").write_bytes(proto.SerializeToString())
    shutil.copy(ROOT / "tests" / "export" / "tflite_files" / "gru_int8.tflite", folder / "theirs.tflite")
    (folder / "controls.toml").write_text(the_block("toml", "[[change]]"))
    (folder / "front_end.toml").write_text('features = "log"\ngain_input = true\n')
    np.savez(folder / "frames.npz", features=np.random.default_rng(0).normal(size=(200, 130)).astype(np.float32))
    return folder


@pytest.fixture
def short(workshop, monkeypatch):
    """Seconds of the recordings that come along, where a command takes those, and few hops on the device."""
    from stapes.models.sound_files import read_audio
    from stapes.tools import audio_files, calibration

    from tests.helpers import count_few_hops

    count_few_hops(monkeypatch)
    folder = workshop / "short"
    if not folder.is_dir():
        folder.mkdir()
        soundfile.write(folder / "a_noisy.flac", read_audio(workshop / "noisy.wav")[:8_000], 16_000)
    monkeypatch.setattr(calibration, "CALIBRATION", workshop / "my_recordings")
    monkeypatch.setattr(audio_files, "DEMO", folder)


def test_commands_do_what_they_say(workshop, short, stapes, monkeypatch):
    """One test, as each command builds on those before it. Those of stapes run in this process, which has its imports."""
    require("native")
    monkeypatch.chdir(workshop)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for command in [*HERE, *IN_PROSE_HERE]:
        for part in command.split(" && "):
            words = shlex.split(part)
            if words[0] == "stapes":
                done = stapes(*words[1:])
                code, said = done.code, (done.stdout, done.stderr)
            else:
                ran = subprocess.run(
                    words, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
                )
                code, said = ran.returncode, (ran.stdout, ran.stderr)
            # A quality threshold may be missed on a short recording; the bits may not differ.
            missed = words[1] == "regress" and "DIFFER" not in said[0] and "MISSED" in said[0]
            assert code == 0 or missed, (part, said[0][-2000:], said[1][-2000:])
    assert (workshop / "enhanced.wav").is_file()
    assert (workshop / "report.html").is_file()
    assert stapes("export", "build/ear", "-o", "firmware/ear").code == 0
    for name in ("mask", "ear"):
        header = (workshop / "firmware" / name / f"{name}.h").read_text()
        for word in re.findall(rf"\b{name}_\w+", the_block("c", f"{name}_")):
            assert re.search(rf"\b{word}\b", header), word


def test_lines_of_python_do_what_they_say(workshop, short, monkeypatch, capsys):
    monkeypatch.chdir(workshop)
    (block,) = (block for kind, block in BLOCKS if kind == "python")
    names = {}
    exec(block, names)
    assert int(capsys.readouterr().out) > 100_000
    assert len(names["audio_q15"]) == soundfile.info("noisy.wav").frames
    assert (workshop / "firmware" / "from_python" / "my_checkpoint.h").is_file()


@pytest.mark.parametrize("command", THERE + [text for text in IN_PROSE if text not in IN_PROSE_HERE])
def test_command_that_takes_hours_or_a_network_names_options_that_are_there(command):
    from stapes.tools.cli.app import APP
    from typer.main import get_command

    for words in (shlex.split(part) for part in command.split("&&")):
        if words[0] != "stapes":
            continue
        words = words[1:]
        if words[:2] == ["corpus", "mix"] and words[2].startswith("-"):  # told in passing
            words = [*words, "corpus", "-o", "pairs"]
        known = get_command(APP)
        while hasattr(known, "commands"):
            known, words = known.commands[words[0]], words[1:]
        known.make_context("stapes", words)


def test_every_line_that_is_not_run_has_its_reason_and_every_reason_a_line():
    assert all(any(words in command for command in commands()) for words in ELSEWHERE)
    assert len(HERE) >= 9


def test_tables_of_a_recipe_in_the_readme_are_read(tmp_path):
    from stapes.quantize.recipe import load_recipe

    block = the_block("toml", "[[tensor]]")
    (tmp_path / "own.toml").write_text(f'name = "own"\n{block}')
    assert load_recipe(tmp_path / "own.toml").overrides[0].dtype == tomllib.loads(block)["tensor"][0]["dtype"]


def test_links_and_files_of_the_readme_are_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    files = re.findall(r"`((?:models|quantize|export|firmware_sim|tools|tests)/[\w./-]+)`", README)
    missing = [name for name in (*links, *files) if "://" not in name and not (ROOT / name).exists()]
    assert not missing
