"""The wheel holds the package and nothing else, and works where it is installed alone, among folders of the same names as its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools.audio import CLIPS, DEMO

from tests.helpers import small_checkpoint
from tests.machine import cmsis_dsp, other_python, require
from tests.test_architecture import MAY_IMPORT

ROOT = Path(__file__).parent.parent
# The commands one after the other in one process, so that the libraries are loaded once; short recordings for what comes
# along, and objects of the runtime that other tests have too.
RUN_ALL = """
import json, sys
from pathlib import Path
import stapes, stapes.firmware_sim.engines.program, stapes.tools.calibration, stapes.tools.commands.demo
from stapes.tools.cli import main

assert sys.prefix in stapes.__file__, stapes.__file__
objects = Path(sys.argv[3])
stapes.firmware_sim.engines.program._object_folder = lambda: objects
stapes.tools.commands.demo.DEMO = stapes.tools.calibration.CALIBRATION = Path(sys.argv[1])
for line in json.loads(sys.argv[2]):
    sys.argv = ["stapes", *line]
    try:
        main()
    except SystemExit as left:
        assert not left.code, (line, left.code)
for name in ("models", "tools"):
    assert "here" in __import__(name).__file__, name
"""
# In memory: what a newer version no longer takes, or warns of.
COMPILE_ALL = """
import sys
from pathlib import Path

for path in sorted(Path(sys.argv[1]).rglob("*.py")):
    compile(path.read_bytes(), str(path), "exec")
"""
TINY = """
[model]
narrow_dim = 8
hidden_dim = 8
fc_dim = 0
[data]
clip_seconds = 1.5
crop_seconds = 1.0
chunk_clips = 2
chunks = 1
[optimiser]
steps = 1
batch = 1
[validation]
pairs = 1
seconds = 1.5
"""


@pytest.fixture(scope="module")
def tracked():
    """The files that git knows, by their paths in the tree."""
    require("git")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tracked, tmp_path_factory):
    """Built from a copy of the tree: setuptools leaves a build folder, whose old files would be packed again."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked:
        if name.split("/")[0] != "tests":
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(made)]
    subprocess.run([*pip, "wheel", *options, str(source)], check=True)
    (built,) = made.glob("stapes-*.whl")
    return built


def test_the_wheel_holds_the_files_of_the_package_and_puts_one_name_into_site_packages(wheel, tracked):
    with zipfile.ZipFile(wheel) as archive:
        (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
        installed = [line.rsplit(",", 2)[0] for line in archive.read(record).decode().splitlines()]
    information = record.removesuffix("RECORD")
    packed = {name for name in installed if not name.startswith(information)}
    wanted = [name for name in tracked if name.split("/")[0] in {*MAY_IMPORT, "__init__.py", "__main__.py", "py.typed"}]
    assert packed == {f"stapes/{name}" for name in wanted}


@pytest.mark.parametrize("minor", [minor for minor in (11, 12, 13) if minor != sys.version_info.minor])
def test_the_wheel_compiles_and_helps_under_other_versions_of_python(wheel, tmp_path, minor):
    python = other_python(minor)
    install = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, "--no-compile", "--target", str(tmp_path / "site"), str(wheel)], check=True)
    # Of the libraries those of the command line are plain Python and serve every version.
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    path = os.pathsep.join([str(tmp_path / "site"), *libraries])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    compiled = [python, "-W", "error", "-c", COMPILE_ALL, str(tmp_path / "site" / "stapes")]
    done = subprocess.run(compiled, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for line in (["--version"], ["quantize", "--help"]):
        done = subprocess.run(
            [python, "-W", "error", "-m", "stapes", *line],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("stapes ") or "Usage: stapes quantize" in done.stdout


@pytest.fixture(scope="module")
def here(wheel, tmp_path_factory):
    """A folder with packages `models` and `tools` of its own, beside an environment that holds the wheel; it sees our libraries."""
    folder = tmp_path_factory.mktemp("here")
    for name in MAY_IMPORT:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("MINE = True\n")
    environment = folder / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    install = ["-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([sys.executable, *install, "--no-index", str(wheel)], check=True)
    # Files that a .pth names are not looked into for further .pth files: the tree that is being tested is not found.
    (packages,) = environment.glob("lib/python*/site-packages")
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "libraries.pth").write_text("\n".join(libraries))
    return folder


def run(here, *command):
    environment = {**os.environ, "PYTHONPATH": str(here), "STAPES_CMSIS_DSP": str(cmsis_dsp().include_dirs[0].parent)}
    return subprocess.run(
        [str(here / "environment" / "bin" / command[0]), *map(str, command[1:])],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_is_installed_and_says_which_version_it_is(here, wheel):
    done = run(here, "stapes", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"stapes {wheel.name.split('-')[1]}\n"


def test_the_library_is_one_name_that_loads_nothing_heavy_and_leaves_folders_of_others_alone(here):
    done = run(
        here,
        "python",
        "-c",
        "import models, sys, stapes\n"
        "assert models.MINE and sys.prefix in stapes.__file__, stapes.__file__\n"
        "print(sorted({'torch', 'numpy', 'onnx', 'tools'} & set(sys.modules)))\n"
        "from stapes.quantize.graph import Graph\n"
        "print(stapes.Bundle.__name__, callable(stapes.quantize), stapes.quantize.graph.Graph is Graph)\n",
    )
    assert (done.stdout, done.stderr) == ("[]\nBundle True True\n", "")


def test_every_command_works_among_folders_of_the_same_names(here, engine_objects, tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for kind in ("noisy", "clean"):
        write_audio(recordings / f"machine_{kind}.wav", read_audio(DEMO / f"machine_{kind}.flac")[16_000:28_000])
    for index, path in enumerate(sorted(CLIPS.glob("*.flac"))):
        kind, name = path.stem.split("_", 1)
        own = tmp_path / "own" / kind / f"p{index}_{name}.flac"
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, own)
    (tmp_path / "tiny.toml").write_text(TINY)
    network, noisy = small_checkpoint(tmp_path / "small.pt"), recordings / "machine_noisy.wav"
    lines = [
        ["quantize", network, "-o", "bundle", "--recipe", "w8a8"],
        ["export", "bundle", "-o", "c"],
        ["export", "bundle", "-o", "package", "--package", "cmake"],
        ["simulate", "bundle", noisy, "-o", "made.wav"],
        ["regress", "bundle", noisy, "--engine", "native"],
        ["inspect", "bundle"],
        ["evaluate", "bundle", "--corpus", recordings, "--html", "report.html", "--jobs", "1"],
        ["demo", "-o", "demo", "--recipe", "w8a8"],
        ["corpus", "fetch", "corpus", "--own", tmp_path / "own", "--only-own", "--quiet"],
        ["corpus", "status", "corpus"],
        ["corpus", "mix", "corpus", "-o", "pairs", "--count", "1", "--seconds", "1.5"],
        ["train", tmp_path / "tiny.toml", "--corpus", "corpus", "-o", "training", "--quiet"],
    ]
    text = json.dumps([[str(word) for word in line] for line in lines])
    done = run(here, "python", "-c", RUN_ALL, recordings, text, engine_objects)
    assert done.returncode == 0, done.stderr[-2000:]
    for made in ("bundle/manifest.json", "c/Makefile", "report.html", "demo/demo.json", "training/model.pt"):
        assert (here / made).is_file(), made
