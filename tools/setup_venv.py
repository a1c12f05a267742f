"""Make a virtual environment with everything that `make demo` and `make test` need. Plain Python, no packages."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

OLDEST = (3, 11)
TORCH = "torch==2.13.0"


def main(folder: Path) -> None:
    """Create `folder` if need be and install stapes into it, editable, with its development extras."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"stapes needs Python {OLDEST[0]}.{OLDEST[1]} or newer, this is {sys.version.split()[0]}: make PYTHON=python3.11"
        )
    if reason := lacking():
        sys.exit(f"set-up: {reason}")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        print(f"making {folder}", flush=True)
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # First and by its exact version: a CPU build that is at hand is taken, and no other package asks for another one.
    print("installing torch", flush=True)
    run([*pip, TORCH])
    print("installing stapes and what it needs; cmsisdsp is compiled, which takes a minute or two", flush=True)
    with tempfile.TemporaryDirectory() as work:
        run([*pip, "--editable", ".[dev]"], {**os.environ, **cmake_settings(Path(work))})
    print("fetching the C sources of CMSIS-DSP", flush=True)
    run([str(python), "-c", "from stapes.firmware_sim.cmsis_dsp import sources; sources()"])


def lacking() -> str:
    """What this machine misses to make an environment and to compile cmsisdsp and pesq in it; empty where it has all."""
    if importlib.util.find_spec("ensurepip") is None:
        return (
            "this Python cannot make virtual environments; install its venv module (Debian: apt install python3-venv)"
        )
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "the headers of this Python are missing; install them (Debian: apt install python3-dev)"
    compiler = _compiler()
    with tempfile.TemporaryDirectory() as work:
        source = Path(work, "probe.c")
        source.write_text("#include <stdio.h>\nint main(void) { return 0; }\n")
        try:
            done = subprocess.run([*compiler, str(source), "-o", str(Path(work, "probe"))], capture_output=True)
        except OSError:
            return f"there is no C compiler {compiler[0]}; install one (Debian: apt install gcc libc6-dev), or set CC"
    if done.returncode:
        return f"the C compiler {compiler[0]} compiles nothing; install what it lacks (Debian: apt install libc6-dev)"
    return ""


def _compiler() -> list[str]:
    """The C compiler with which Python's packages are built."""
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def cmake_settings(work: Path) -> dict[str, str]:
    """What lets cmsisdsp be compiled by a C compiler alone: its build asks CMake for C++ too, of which it has no file."""
    compilers = shlex.split(os.environ.get("CXX", ""))[:1] or ["c++", "g++", "clang++"]
    if any(map(shutil.which, compilers)):
        return {}
    settings = work / "c_alone.cmake"
    settings.write_text(f'set(CMAKE_CXX_COMPILER "{_compiler()[0]}")\nset(CMAKE_CXX_COMPILER_FORCED TRUE)\n')
    return {"CMAKE_TOOLCHAIN_FILE": str(settings)}


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a command; stop with its name when it fails."""
    if subprocess.run(command, env=environment).returncode:
        sys.exit(f"set-up failed at: {' '.join(command)}; see the lines above")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
