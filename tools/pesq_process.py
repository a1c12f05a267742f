"""Asking `pesq_child`: one such process for each of ours, started when it is first needed, and anew when PESQ has crashed it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from ..models import children

# -P: the folder of the file is no place to import from.
COMMAND = (sys.executable, "-P", str(Path(__file__).with_name("pesq_child.py")))

_lock = threading.Lock()
# By the process that has started it: a fork has the pipes of another.
_serving: dict[int, subprocess.Popen[bytes]] = {}


class PesqFails(Exception):
    """PESQ has no figure for a recording; `kind` is its own exception, or "crash"."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def pesq_of(clean: np.ndarray, processed: np.ndarray) -> float:
    """PESQ of the wide band at 16 kHz; both (S,) float. Raises PesqFails."""
    sounds = [np.ascontiguousarray(audio, "<f4").tobytes() for audio in (clean, processed)]
    with _lock:
        child = _child()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(len(clean).to_bytes(4, "little") + sounds[0] + sounds[1])
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = b""
        except BaseException:  # what it still answers would be taken for the answer to the next question
            child.kill()
            _how_it_ended(child)
            raise
        if not line.endswith(b"\n"):
            raise PesqFails("crash", _how_it_ended(child))
    answer = json.loads(line)
    if "error" in answer:
        raise PesqFails(answer["error"], answer["said"])
    return float(answer["value"])


def _child() -> subprocess.Popen[bytes]:
    child = _serving.get(os.getpid())
    if child is None or child.poll() is not None:
        child = _serving[os.getpid()] = children.serve(COMMAND)
    return child


def _how_it_ended(child: subprocess.Popen[bytes]) -> str:
    del _serving[os.getpid()]
    children.forget(child)
    code = child.wait()
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
