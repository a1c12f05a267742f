"""No command opens a socket to the network, or leaves a trace of a library that would.

A hook in each Python process refuses sockets; where strace works, it watches the compiled libraries too; and where a network
of its own can be had, there is nobody to call. The processes of one run on this machine talk over the loopback address, and
over no other. Two commands are for fetching and left out: `corpus fetch`, and the first use
of CMSIS-DSP's sources.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stapes.models.sound_files import read_audio, write_audio
from stapes.tools.audio import DEMO

from tests.helpers import small_checkpoint
from tests.machine import cmsis_dsp, lacking

ROOT = Path(__file__).parents[2]
# The commands one after the other in one process: its libraries are loaded once. The recordings that come along are
# replaced by the given ones, which are shorter, and the runtime is compiled once for this test and others.
RUN_ALL = """
import json, sys
from pathlib import Path
import stapes.firmware_sim.engines.program, stapes.tools.calibration, stapes.tools.commands.demo
from stapes.tools.cli import main

objects = Path(sys.argv[3])
stapes.firmware_sim.engines.program._object_folder = lambda: objects
stapes.tools.commands.demo.DEMO = stapes.tools.calibration.CALIBRATION = Path(sys.argv[1])
for line in json.loads(sys.argv[2]):
    sys.argv = ["stapes", *line]
    try:
        main()
    except SystemExit as left:
        assert not left.code, (line, left.code)
"""
# An address family that stays on this machine: nscd, a socket pair between a process and its child, a list of interfaces.
LOCAL = ("AF_UNIX", "AF_NETLINK")


def sockets_of(command, work, loopback=False):
    """Run a command -> what it did, and each socket to the network, or name to be looked up, that it asked for.

    With `loopback` a socket may be bound and connected to 127.0.0.1, and to nothing else.
    """
    told, trace = work / "told", work / "trace"
    watched = list(map(str, command))
    if not lacking("strace"):
        watched = [
            "strace",
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            "trace=bind,connect,sendto" if loopback else "trace=socket,connect,sendto",
            "-o",
            str(trace),
            *watched,
        ]
    if not lacking("unshare") and not loopback:
        watched = ["unshare", "-n", *watched]
    for folder in ("home", "tmp"):
        (work / folder).mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "no_sockets"), str(ROOT)]),
        "STAPES_TEST_SOCKETS": str(told),
        "HOME": str(work / "home"),
        "STAPES_CMSIS_DSP": str(cmsis_dsp().include_dirs[0].parent),
        "TMPDIR": str(work / "tmp"),
        "STAPES_TEST_LOOPBACK": "1" if loopback else "",
    }
    for name in ("XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        environment.pop(name, None)
    done = subprocess.run(watched, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    asked = told.read_text().splitlines() if told.exists() else []
    if trace.exists():
        calls = [line for line in trace.read_text().splitlines() if re.search(r"\bAF_\w+", line)]
        local = [*LOCAL, r'inet_addr\("127\.0\.0\.1"\)'] if loopback else LOCAL
        asked += [line for line in calls if not re.search("|".join(local), line)]
    return done, asked


@pytest.mark.parametrize(
    "opens",
    [
        "import socket; socket.create_connection(('192.0.2.1', 443), 0.1)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'])",
    ],
    ids=["itself", "child"],
)
def test_a_socket_is_seen(opens, tmp_path):
    assert sockets_of([sys.executable, "-c", opens], tmp_path)[1]


def test_a_socket_of_compiled_code_is_seen(tmp_path):
    if reason := lacking("strace"):
        pytest.skip(reason)
    opens = "import ctypes; ctypes.CDLL(None).socket(2, 1, 0)"
    assert sockets_of([sys.executable, "-c", opens], tmp_path)[1]


@pytest.mark.parametrize(("address", "seen"), [("192.0.2.1", True), ("0.0.0.0", True), ("127.0.0.1", False)])
def test_an_address_beyond_the_loopback_is_seen(address, seen, tmp_path):
    binds = f"import socket; socket.socket().bind(('{address}', 0))"
    assert bool(sockets_of([sys.executable, "-c", binds], tmp_path, loopback=True)[1]) is seen


def test_the_processes_of_a_run_stay_on_the_loopback_address(tmp_path):
    works = "from stapes.tools.work import Crew\nwith Crew(2) as crew: print(sorted(crew.each(pow, 2, [3, 4])))"
    done, asked = sockets_of([sys.executable, "-c", works], tmp_path, loopback=True)
    assert (done.stdout, asked) == ("[(0, 8), (1, 16)]\n", []), done.stderr[-2000:]


def test_no_command_calls_home(tmp_path, engine_objects):
    recordings, out = tmp_path / "recordings", tmp_path / "out"
    recordings.mkdir()
    for kind in ("noisy", "clean"):
        write_audio(recordings / f"machine_{kind}.wav", read_audio(DEMO / f"machine_{kind}.flac")[16_000:28_000])
    noisy, bundle = recordings / "machine_noisy.wav", out / "mask"
    network = small_checkpoint(tmp_path / "mask.pt")
    lines = [
        ["quantize", network, "-o", bundle, "--recipe", "w8a8"],
        ["export", bundle, "-o", out / "c"],
        ["simulate", bundle, noisy, "-o", out / "made.wav"],
        ["regress", bundle, noisy],
        ["inspect", bundle, "--proof"],
        ["evaluate", bundle, "--corpus", recordings, "--html", out / "report.html", "--jobs", "1"],
        ["demo", "-o", out / "demo", "--recipe", "w8a8"],
    ]
    text = json.dumps([[str(word) for word in line] for line in lines])
    done, asked = sockets_of([sys.executable, "-c", RUN_ALL, recordings, text, engine_objects], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not asked
    left = [path.relative_to(tmp_path) for place in ("home", "tmp") for path in (tmp_path / place).rglob("*")]
    assert not [path for path in left if path.is_file() and "matplotlib" not in path.parts], left
