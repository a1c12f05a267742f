"""Lines and branches that the tests reach, of the Python and of the C, each as a table: `make coverage`.

The C is counted wherever a test or an engine compiles it on this machine: programs named `gcc` and `cc`, first on the path,
call the real ones with --coverage and keep their notes. A copy of a file of the project's own is counted as that file. What
is generated from a network, compiled for the device or by Clang is not counted. Other arguments go to pytest.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / "build" / "coverage"
# Folders of C that is written by hand.
C_FOLDERS = ("export/runtime", "firmware_sim/engines", "tools/training")
COMPILER = """#!/bin/sh
# Written by tools/coverage.py: {real} with counters, its notes kept in {notes}.
for word in "$@"; do
    case $word in
    -E | -fsyntax-only | --version | -print* | -dump*) exec {real} "$@" ;;
    -c) compiles=yes ;;
    *.c) source=$word ;;
    esac
done
[ -n "$compiles" ] || exec {real} "$@" -lgcov
name=$(basename "$source")
for folder in {folders}; do
    if cmp -s "$source" "$folder/$name"; then mapped="-fprofile-prefix-map=$(dirname "$source")=$folder"; fi
done
[ -n "$mapped" ] || exec {real} "$@"
exec {real} "$@" --coverage -fprofile-update=atomic -O1 -dumpdir "{notes}/$name-$$-$(date +%s%N)-" $mapped
"""


def main(pytest_arguments: list[str]) -> int:
    """Run the tests under both counters and print the tables -> pytest's exit code."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(_compilers()), os.environ["PATH"]]),
        "COVERAGE_FILE": str(FOLDER / "python"),
    }
    # Objects with counters are not what these tests look into.
    chosen = ["-m", "not object_code", "--cov", "--cov-branch", "--cov-report="]
    tests = subprocess.run([sys.executable, "-m", "pytest", *chosen, *pytest_arguments], env=environment, cwd=CHECKOUT)
    print("\nPython", flush=True)
    subprocess.run([sys.executable, "-m", "coverage", "report"], env=environment, cwd=CHECKOUT)
    # In the folder of its own: gcov writes where it stands.
    filters = [word for folder in C_FOLDERS for word in ("--filter", f"{re.escape(str(CHECKOUT / folder))}/")]
    for title, options in (("C, lines", []), ("C, branches", ["--txt-metric", "branch"])):
        print(f"\n{title}", flush=True)
        command = [sys.executable, "-m", "gcovr", "--root", str(CHECKOUT), "--merge-mode-functions=separate", *filters]
        subprocess.run([*command, *options, str(FOLDER / "notes")], cwd=FOLDER)
    return tests.returncode


def _folders_of_c() -> list[Path]:
    """The folders below `C_FOLDERS` in which there is C."""
    return sorted({path.parent for name in C_FOLDERS for path in (CHECKOUT / name).rglob("*.c")})


def _compilers() -> Path:
    """A folder with `gcc` and `cc` that count, where this machine has them."""
    bin_folder, notes = FOLDER / "bin", FOLDER / "notes"
    for folder in (bin_folder, notes):
        folder.mkdir(parents=True)
    folders = " ".join(f"'{folder}'" for folder in _folders_of_c())
    for name in ("gcc", "cc"):
        if real := shutil.which(name):
            program = bin_folder / name
            program.write_text(COMPILER.format(real=real, notes=notes, folders=folders))
            program.chmod(0o755)
    return bin_folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
