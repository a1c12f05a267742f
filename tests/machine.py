"""What this machine can do, found out by doing it: a test asks here for its tools, and is skipped with the reason.

A program that is installed may still not work: a compiler without its sanitiser's runtime, a checker without its addon, a
checkout that git does not trust. So each tool is tried once, the way the tests use it. `require` is called in a test or a
fixture; `@pytest.mark.needs("clang", "make")` calls it for a whole test.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from stapes.firmware_sim.device.targets import CORTEX_M7, HOSTS, Host
from stapes.firmware_sim.probes import probe_program, probe_toolchain
from stapes.models.errors import StapesError

if TYPE_CHECKING:
    from stapes.firmware_sim.cmsis_dsp import CmsisDsp

ROOT = Path(__file__).parents[1]
M7 = CORTEX_M7.flags
_LONGEST = 120


def require(*tools: str) -> None:
    """Skip the test, with the reason of the first of these tools that does not work here."""
    for tool in tools:
        if reason := lacking(tool):
            pytest.skip(reason)


# What a browser needs where the tests run as root, or in a container.
CHROMIUM_OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage")


def chromium() -> str | None:
    """Debian's browser: the small one without a window first."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def shared_data(name: str) -> Path:
    """The folder of reference data beside the checkout that has this name; skips where there is none."""
    places = [folder / "shared" / "data" / name for folder in ROOT.parents[:2]]
    found = next((place for place in places if place.is_dir()), None)
    return found if found is not None else pytest.skip(f"no reference data {name} beside the checkout")


def other_python(minor: int) -> str:
    """An interpreter of 3.`minor`, on the path or among pyenv's; skips where none works."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for place in (shutil.which(f"python3.{minor}"), *map(str, sorted(versions.glob(f"3.{minor}.*/bin/python")))):
        # A name on the path may be a stand-in for what is not there.
        if (
            place
            and subprocess.run([place, "-c", "import ssl, sqlite3"], capture_output=True, check=False).returncode == 0
        ):
            return place
    pytest.skip(f"no Python 3.{minor} on this machine")


def cmsis_dsp() -> CmsisDsp:
    """CMSIS-DSP's sources; skips where they cannot be had."""
    from stapes.firmware_sim.cmsis_dsp import sources

    try:
        return sources()
    except StapesError as error:
        pytest.skip(str(error))


@functools.cache
def lacking(tool: str) -> str:
    """Why a tool cannot be used on this machine; empty where it works.

    A tool is a program, "gcc sanitised" (with the runtimes of the address and the undefined-behaviour sanitiser), an engine
    of stapes, or "device gcc" and "device zig", the compilers for the emulated Cortex-M7.
    """
    if tool in _ENGINES:
        return _engine(tool)
    program = tool.split()[0]
    if program not in ("device", "chromium") and shutil.which(program) is None:
        return f"no {program}"
    with tempfile.TemporaryDirectory(prefix="stapes-probe-") as folder:
        try:
            _PROBES.get(tool, _starts(program))(Path(folder))
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
            said = getattr(error, "stderr", None) or str(error)
            lines = [line for line in said.splitlines() if line.strip()] or ["no message"]
            return f"{tool} does not work here: {lines[0].strip()}"
    return ""


_ENGINES = ("native", "tflm", "cortex-m7", "cortex-m7-qemu")


def _engine(name: str) -> str:
    """What the product says of itself; then the programs that the engine starts."""
    from stapes.firmware_sim.device.toolchain import find_toolchain
    from stapes.tools.engines import unavailable

    if reason := unavailable().get(name, ""):
        return reason
    if name == "native":
        return lacking(next(cc for cc in ("cc", "gcc", "clang") if shutil.which(cc))) if "CC" not in os.environ else ""
    if name == "tflm":
        return ""
    reason = lacking(f"device {find_toolchain().name}")
    return reason or (lacking("qemu-system-arm") if name == "cortex-m7-qemu" else "")


def _run(*command: object, cwd: Path, typed: str = "") -> str:
    """Both streams of a command that must end well."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, check=True, capture_output=True, text=True, timeout=_LONGEST, input=typed
    )
    return done.stdout + done.stderr


def _starts(program: str) -> Callable[[Path], object]:
    """Enough for what has no way of its own to be half installed."""
    return lambda work: _run(program, "--version", cwd=work)


def _host(compiler: str, *flags: str, suffix: str = "c") -> Callable[[Path], None]:
    """A program is compiled, linked and run."""
    return lambda work: _asked(probe_program, [compiler, *flags], suffix=suffix)


def _asked(probe: Callable[..., object], *arguments: Any, **options: Any) -> None:
    """The product's own probes, whose complaints are reasons here."""
    try:
        probe(*arguments, **options)
    except StapesError as error:
        raise OSError(str(error)) from None


def _toolchain(name: str) -> Callable[[Path], None]:
    """One of the product's own compilers for the device turns a file into an object."""

    def probe(work: Path) -> None:
        from stapes.firmware_sim.device.toolchain import available_toolchains, find_toolchain

        if name not in available_toolchains():
            raise OSError("it is not installed")
        _asked(probe_toolchain, find_toolchain(name))

    return probe


def _device(compiler: str, suffix: str = "c") -> Callable[[Path], None]:
    """A program for the Cortex-M7 is linked with the C library."""

    def probe(work: Path) -> None:
        source = work / f"probe.{suffix}"
        source.write_text('#include <stdio.h>\nint main(void) { return puts("") < 0; }\n')
        _run(compiler, *M7, "--specs=rdimon.specs", source, "-o", work / "probe.elf", cwd=work)

    return probe


def _cross(host: Host) -> Callable[[Path], None]:
    """A program for another processor is compiled and linked, and its emulator runs it."""
    return lambda work: _asked(probe_program, [host.compiler, *host.flags], host.emulator)


def _listing(program: str, compiler: str, *options: str) -> Callable[[Path], None]:
    """A program of binutils reads what the compiler wrote."""

    def probe(work: Path) -> None:
        (work / "probe.c").write_text("int probe(void);\nint probe(void) { return 1; }\n")
        _run(compiler, "-c", work / "probe.c", "-o", work / "probe.o", cwd=work)
        _run(program, *options, work / "probe.o", cwd=work)

    return probe


def _cppcheck(work: Path) -> None:
    """The MISRA addon, a Python program of its own, finds something."""
    (work / "probe.c").write_text("int probe(int a);\nint probe(int a) { if (a) return 1; return 0; }\n")
    said = _run("cppcheck", "--addon=misra", "--quiet", "--template={id}", work / "probe.c", cwd=work)
    if "misra-c2012-" not in said:
        raise OSError("the MISRA addon finds nothing")


def _cmake(work: Path) -> None:
    (work / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.21)\nproject(probe C)\nadd_library(probe p.c)\n"
    )
    (work / "p.c").write_text("int probe(void);\nint probe(void) { return 1; }\n")
    _run("cmake", "-S", work, "-B", work / "build", cwd=work)
    _run("cmake", "--build", work / "build", cwd=work)


def _ninja(work: Path) -> None:
    (work / "build.ninja").write_text("rule copy\n  command = cp $in $out\nbuild made: copy build.ninja\n")
    _run("ninja", cwd=work)


def _fuzzer(work: Path) -> None:
    """The product's own probe."""
    from stapes.firmware_sim.fuzz import require_fuzzer

    _asked(require_fuzzer)


def _make(work: Path) -> None:
    (work / "Makefile").write_text("made: Makefile\n\tcp $< $@\n")
    _run("make", cwd=work)


def _qemu(work: Path) -> None:
    """The board is set up, its processor halted, and the monitor takes a command."""
    command = "qemu-system-arm -M mps2-an500 -display none -serial none -S -monitor stdio"
    _run(*command.split(), cwd=work, typed="quit\n")


def _chromium(work: Path) -> None:
    """It shows a page, and playwright, which steers it, is there."""
    if importlib.util.find_spec("playwright") is None:
        raise OSError("the package playwright is not installed")
    program = chromium()
    if program is None:
        raise OSError("it is not installed (Debian: apt install chromium-headless-shell)")
    (work / "probe.html").write_text("<!doctype html><title>probe</title><p>seen</p>")
    said = _run(program, "--headless", *CHROMIUM_OPTIONS, "--dump-dom", (work / "probe.html").as_uri(), cwd=work)
    if "seen" not in said:
        raise OSError("it shows no page")


def _git(work: Path) -> None:
    """This checkout is one of git's, and git trusts its owner."""
    _run("git", "ls-files", "--error-unmatch", "pyproject.toml", cwd=ROOT)


_PROBES: dict[str, Callable[[Path], object]] = {
    "cc": _host("cc"),
    "gcc": _host("gcc"),
    "clang": _host("clang"),
    "g++": _host("g++", "-Wno-deprecated", suffix="cpp"),
    "gcc sanitised": _host("gcc", "-fsanitize=address,undefined"),
    "clang sanitised": _host("clang", "-fsanitize=address,undefined"),
    "clang fuzzer": _fuzzer,
    "nm": _listing("nm", "cc", "-g"),
    "objdump": _listing("objdump", "cc", "-d"),
    "size": _listing("size", "cc"),
    "arm-none-eabi-gcc": _device("arm-none-eabi-gcc"),
    "arm-none-eabi-g++": _device("arm-none-eabi-g++", suffix="cpp"),
    "arm-none-eabi-objdump": _listing("arm-none-eabi-objdump", "arm-none-eabi-gcc", "-d"),
    "device gcc": _toolchain("gcc"),
    "device zig": _toolchain("zig"),
    "qemu-system-arm": _qemu,
    "cppcheck": _cppcheck,
    "cmake": _cmake,
    "ninja": _ninja,
    "make": _make,
    "git": _git,
    "chromium": _chromium,
    "strace": lambda work: _run(
        *["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=socket", "-o"], work / "trace", "true", cwd=work
    ),
    **{host.compiler: _cross(host) for host in HOSTS},
    "unshare": lambda work: _run("unshare", "-n", "true", cwd=work),
}
