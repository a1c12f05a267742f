"""Temporary files of a command in one folder, which goes when the command ends, however it ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from . import stopping

_gathered: list[str] = []


def gather() -> None:
    """From here on whatever this process and its children make for a while lies in one folder of the temporary folder.

    The libraries and compilers that are called know it by TMPDIR. Where no folder can be made, all stays as it is.
    """
    with stopping.held():
        try:
            folder = tempfile.mkdtemp(prefix="stapes-")
        except OSError:
            return
        # The last clean-up of all: libraries put files there until the very end.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        stopping.at_stop(lambda: shutil.rmtree(folder, ignore_errors=True))
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    _gathered.append(folder)


def temporary_folder() -> str:
    """The temporary folder of this machine, in which that of the command lies; raises OSError where there is none to write to."""
    return os.path.dirname(_gathered[-1]) if _gathered else tempfile.gettempdir()
