"""What `stapes doctor` looks at, one function a group: packages, compilers and emulators, this machine, a scheduler.

Nothing is believed that can be tried: a compiler compiles, an emulator starts. A package that is missing must not end the
check-up, so what needs packages is imported where it is tried.
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

from ..models.errors import StapesError
from ..models.scratch import temporary_folder
from ..models.text import in_short
from .pins import Pin, installed, pins

# `missing` is a choice, where nothing needs it; `wrong` is there, and is another version, or does not work.
State = Literal["ok", "missing", "wrong"]
OK: State = "ok"
MISSING: State = "missing"
WRONG: State = "wrong"
# What one does without, extra by extra.
EXTRAS = {
    "tensorflow": "no second TensorFlow Lite to compare with, where ai-edge-litert is not to be had",
    "metrics": "`stapes evaluate --metrics` without dnsmos, haspi and hasqi",
    "peers": "no `stapes evaluate --against rnnoise`",
    "dfn3": "no official DeepFilterNet3 beside; its archive can be given as a file",
    "m7": "no engine cortex-m7 and no `stapes inspect --device`",
    "dev": "no tests, no formatting and no documentation site",
}
REQUIRED_COST = "commands fail, or give other figures or bits"
_SMALLEST_TEMPORARY = 1 << 30


class _NotHere(Exception):
    """What was to be tried is not installed; the message says what."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    group    packages, extras, compilers, emulators, programs, machine or scheduler
    name     what it is
    state    `ok`, `missing`, or `wrong`: there, but another version, or it does not work
    found    its version, or how much of it there is; what is wrong with it
    needed   whether stapes needs it, so that missing is a fault
    cost     what one does without it
    remedy   what to do, where it is not ok
    """

    group: str
    name: str
    state: State
    found: str
    needed: bool = False
    cost: str = ""
    remedy: str = ""

    @property
    def fault(self) -> bool:
        """It has to be mended."""
        return self.state == WRONG or (self.state == MISSING and self.needed)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "fault": self.fault}


def packages() -> Iterator[Finding]:
    """Python and what every installation has, against the pins; one line for all that are as they should be."""
    yield _python()
    wanted = [pin for pin in pins() if not pin.extra]
    bad = list(_off_pins(wanted, "packages", "pip install -e . or install stapes again", REQUIRED_COST, needed=True))
    good = len(wanted) - len(bad)
    yield Finding(
        "packages", "packages at their pins", OK if not bad else WRONG, f"{good} of {len(wanted)}", needed=True
    )
    yield from bad


def extras() -> Iterator[Finding]:
    """What may be added: one line an extra, and one for each package of it that is another version."""
    for extra in dict.fromkeys(pin.extra for pin in pins() if pin.extra):
        own = [pin for pin in pins() if pin.extra == extra]
        remedy, cost = f"pip install 'stapes[{extra}]'", EXTRAS.get(extra, "")
        absent = [pin.package for pin in own if installed(pin.package) is None]
        if absent:
            found = "not installed" if len(absent) == len(own) else f"without {in_short(absent)}"
            yield Finding("extras", extra, MISSING, found, cost=cost, remedy=remedy)
        else:
            yield Finding("extras", extra, OK, in_short([f"{pin.package} {installed(pin.package)}" for pin in own]))
        there = [pin for pin in own if pin.package not in absent]
        yield from _off_pins(there, "extras", remedy, "figures and bits may be others", needed=False)


def _python() -> Finding:
    from packaging.specifiers import SpecifierSet

    wanted = metadata.metadata("stapes")["Requires-Python"] or ""
    version = platform.python_version()
    good = SpecifierSet(wanted).contains(version, prereleases=True)
    words = f"{version} on {platform.system()} {platform.machine()}"
    remedy = "" if good else f"make the environment with Python {wanted}"
    return Finding("packages", "Python", OK if good else WRONG, words, True, REQUIRED_COST, remedy)


def _off_pins(wanted: list[Pin], group: str, remedy: str, cost: str, *, needed: bool) -> Iterator[Finding]:
    for pin in wanted:
        version = installed(pin.package)
        # A build may say where it was made for: torch 2.13.0+cpu is torch 2.13.0.
        if version is not None and version.partition("+")[0] == pin.version:
            continue
        found = "not installed" if version is None else f"{version}, pinned is {pin.version}"
        mend = f"pip install {pin.package}=={pin.version}, or all at once: {remedy}"
        yield Finding(group, pin.package, MISSING if version is None else WRONG, found, needed, cost, mend)


def compilers() -> Iterator[Finding]:
    """Those that the commands call: each compiles a program, which is run where this machine can."""
    yield _tried(
        *("compilers", "C compiler of this machine", _host_compiler),
        cost="no engine native: `--engine numpy` does the same, many times slower",
        remedy="install gcc or clang with the headers of C (Debian: apt install gcc libc6-dev), or set CC",
        needed=True,
    )
    yield _tried(
        *("compilers", "compiler for the Cortex-M7", _device_compiler),
        cost="no `stapes inspect --device`, no engines cortex-m7 and cortex-m7-qemu",
        remedy="install gcc-arm-none-eabi and libnewlib-arm-none-eabi (Debian), or: pip install 'stapes[m7]'",
    )
    yield _tried(
        *("compilers", "C sources of CMSIS-DSP", _cmsis_dsp),
        cost="pip fetches them when the engine native, an export or the device asks for them",
        remedy="run `stapes export` once where there is a package index, or set STAPES_CMSIS_DSP to a folder of them",
    )


def emulators() -> Iterator[Finding]:
    """What runs the device, and TFLite Micro."""
    yield _tried(
        *("emulators", "unicorn", _unicorn),
        cost="no engine cortex-m7 and no `stapes inspect --device`",
        remedy="pip install 'stapes[m7]'",
    )
    yield _tried(
        *("emulators", "qemu-system-arm", _qemu),
        cost="no engine cortex-m7-qemu; cortex-m7 does without it",
        remedy="install qemu-system-arm (Debian)",
    )
    yield _tried(
        *("emulators", "TFLite Micro", _tflm),
        cost="no engine tflm: `stapes regress` holds the others to the bit without it",
        remedy="its wheel is for Linux on x86-64; install stapes again there",
    )


def programs() -> Iterator[Finding]:
    """What a firmware package or the tests of a checkout are built and looked at with."""
    for name, cost in {
        "make": "no `make check` in an export",
        "cmake": "no build of `stapes export --package cmake`",
        "ninja": "no presets of `stapes export --package cmake`",
        "clang": "no fuzzing; tests with a second compiler are skipped",
        "cppcheck": "tests of the rules of MISRA are skipped",
    }.items():
        yield _tried("programs", name, functools.partial(_started, name), cost=cost, remedy=f"install {name}")


def machine() -> Iterator[Finding]:
    """Cores, memory, and room for what is put down meanwhile."""
    from .work.crew import available_cores

    yield Finding("machine", "cores", OK, f"{available_cores()} of {os.cpu_count()}")
    yield _tried(
        *("machine", "memory", _memory),
        cost="nobody knows how many workers fit",
        remedy="install stapes again",
    )
    yield _tried(
        *("machine", "temporary folder", _temporary),
        cost="engines and results of many recordings have no room",
        remedy="make room, or set TMPDIR to another folder",
        needed=True,
    )


def scheduler(address: str) -> Iterator[Finding]:
    """The scheduler there, its workers, and whether they run this very stapes; raises StapesError for what is no address."""
    from .work.crew import Crew

    with Crew(scheduler=address) as crew:
        try:
            crew.connect()
            words = f"workers of this stapes: {crew.met}"
        except (StapesError, ImportError) as error:
            remedy = f"mend it, or leave out --scheduler {address}"
            yield Finding("scheduler", address, WRONG, str(error), True, "nothing is given to its workers", remedy)
        else:
            yield Finding("scheduler", address, OK, words, needed=True)


def _tried(
    group: str, name: str, attempt: Callable[[], str], *, cost: str, remedy: str, needed: bool = False
) -> Finding:
    """What an attempt finds; it raises _NotHere where the thing is not there, and anything else where it does not work."""
    try:
        return Finding(group, name, OK, attempt(), needed, cost)
    except _NotHere as error:
        state, words = MISSING, str(error)
    except StapesError as error:
        state, words = WRONG, str(error)
    except Exception as error:  # a package that is damaged may raise anything
        state, words = WRONG, f"{type(error).__name__}: {error}"
    return Finding(group, name, state, " ".join(words.split()), needed, cost, remedy)


def _host_compiler() -> str:
    from ..firmware_sim.engines.native import find_compiler
    from ..firmware_sim.probes import probe_call, probe_program

    try:
        compiler = find_compiler().split()
    except StapesError:
        raise _NotHere("none of $CC, cc, gcc and clang is here") from None
    probe_program(compiler)
    return f"{probe_call([*compiler, '--version']).splitlines()[0]} ({' '.join(compiler)})"


def _device_compiler() -> str:
    from ..firmware_sim.device.toolchain import find_toolchain
    from ..firmware_sim.probes import probe_toolchain

    try:
        chain = find_toolchain()
    except StapesError:
        raise _NotHere("neither arm-none-eabi-gcc with newlib nor the package ziglang") from None
    probe_toolchain(chain)
    return chain.version


def _cmsis_dsp() -> str:
    from ..firmware_sim.cmsis_dsp import own_copy, sources

    if (folder := own_copy()) is None:
        raise _NotHere("not fetched yet")
    sources()  # whether it is whole
    return str(folder)


def _unicorn() -> str:
    if (version := installed("unicorn")) is None:
        raise _NotHere("not installed")
    from ..firmware_sim.cortex_m7.unicorn_device import import_unicorn
    from ..firmware_sim.device.firmware import import_elftools

    unicorn = import_unicorn()
    unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    import_elftools()
    return version


def _qemu() -> str:
    from ..firmware_sim.device.qemu_device import QEMU
    from ..firmware_sim.device.targets import CORTEX_M7
    from ..firmware_sim.probes import probe_call

    version = _started(QEMU)
    if CORTEX_M7.machine not in probe_call([QEMU, "-M", "help"]):
        raise StapesError(f"{version}: knows no board {CORTEX_M7.machine}")
    return version


def _tflm() -> str:
    if (version := installed("tflite-micro")) is None:
        raise _NotHere("not installed")
    from ..firmware_sim.engines.tflm import import_runtime

    import_runtime()
    return version


def _started(program: str) -> str:
    """The first line of what a program says of its version."""
    from ..firmware_sim.probes import probe_call

    if shutil.which(program) is None:
        raise _NotHere("not installed")
    return (probe_call([program, "--version"]).splitlines() or [program])[0]


def _memory() -> str:
    import psutil
    from distributed.system import memory_limit

    free, limit = psutil.virtual_memory().available, memory_limit()
    return f"{limit / 1e9:.1f} GB, {min(free, limit) / 1e9:.1f} GB free"


def _temporary() -> str:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(4096))
    folder = temporary_folder()
    free = shutil.disk_usage(folder).free
    if free < _SMALLEST_TEMPORARY:
        raise StapesError(f"{folder}: only {free / 1e9:.2f} GB free")
    return f"{folder}, {free / 1e9:.1f} GB free"


__all__ = ["Finding", "compilers", "emulators", "extras", "machine", "packages", "programs", "scheduler"]
