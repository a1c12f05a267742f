"""A signal ends any command at any moment: one line, 130 or 143, no process left, no file left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from stapes.tools.audio import DEMO
from stapes.tools.evaluation.pieces import PIECE
from stapes.tools.work.local import FOLDER
from stapes.tools.zoo import GRU_MASK

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
STOPPED = "stapes: stopped\n"


def relatives(folder: Path) -> list[str]:
    """Processes that have `folder` for their temporary files: whatever the command has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


class Place:
    """A folder to run in, with one for temporary files in it."""

    def __init__(self, folder: Path) -> None:
        # A socket's name is short, and pytest's folders are long.
        self.folder, self.temporary = folder / "here", Path(tempfile.mkdtemp(prefix="stapes-test-"))
        self.folder.mkdir()

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "stapes.tools.cli", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def left(self) -> list[str]:
        """What lies about, once the processes that are being ended have gone."""
        for _ in range(50):
            if not relatives(self.temporary):
                break
            time.sleep(0.1)
        files = [*self.folder.rglob("*"), *self.temporary.rglob("*")]
        return relatives(self.temporary) + [str(path) for path in files]


@pytest.fixture
def place(tmp_path):
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc: processes cannot be looked at")
    place = Place(tmp_path)
    yield place
    shutil.rmtree(place.temporary)


def waits_for(place: Place, sign: str, process: subprocess.Popen[str]) -> None:
    """Until a temporary file whose name holds `sign` is there, or the process has ended."""
    for _ in range(3000):
        if process.poll() is not None or any(sign in path.name for path in place.temporary.rglob("*")):
            return
        time.sleep(0.02)


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("moment", [0.15, 0.5, 1.2, 2.5])
def test_signal_in_the_first_seconds_ends_a_command(place, number, moment):
    process = place.start("quantize", GRU_MASK, "-o", "bundle")
    waits_for(place, "stapes-", process)  # the first thing that can be seen from outside
    time.sleep(moment - 0.15)
    process.send_signal(number)
    said, complained = process.communicate(timeout=60)
    assert (process.returncode, said, complained) == (CODES[number], "", STOPPED)
    assert place.left() == []


def test_signal_ends_the_compiler_too(place, bundle_of):
    recording = sorted(DEMO.glob("*_noisy.flac"))[0]
    process = place.start("simulate", bundle_of("zoo", "w8a16").folder, recording, "-o", "out.wav")
    waits_for(place, "stapes-objects-", process)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=60)[1], process.returncode) == (STOPPED, 143)
    assert place.left() == []


def test_signal_ends_the_processes_that_score(place, bundle_of, tmp_path):
    (tmp_path / "pairs").mkdir()
    for path in DEMO.glob("water_*"):
        for number in range(2 * PIECE):  # enough for two processes
            shutil.copy(path, tmp_path / "pairs" / f"{number}{path.name}")
    bundle = bundle_of("zoo", "w8a16").folder
    process = place.start("evaluate", bundle, "--corpus", tmp_path / "pairs", "--workers", 2, "--html", "report")
    waits_for(place, FOLDER, process)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert (process.communicate(timeout=60)[1], process.returncode) == (STOPPED, 130)
    assert place.left() == []


def test_second_signal_does_not_disturb_the_first(place):
    process = place.start("demo", "-o", "demo")
    waits_for(place, "stapes-", process)
    time.sleep(1.5)
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
    said, complained = process.communicate(timeout=60)
    assert process.returncode in CODES.values()
    assert (said, complained) == ("", STOPPED)
    assert place.left() == []
