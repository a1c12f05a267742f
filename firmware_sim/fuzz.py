"""Coverage-guided fuzzing of an exported program on the host: libFuzzer with the address and undefined-behaviour sanitisers."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..models import children
from ..models.errors import StapesError
from .cmsis_dsp import sources
from .engines.program import call_compiler, program_defines, program_files, runtime_of, shared_object

HARNESS = Path(__file__).with_name("fuzz_process.c")
CLANG = "clang"
LONGEST_INPUT = 1024
_FLAGS = ("-std=c99", "-O2", "-g", "-fno-sanitize-recover=all")
_SANITISERS = "address,undefined"
# What libFuzzer keeps of a run that crashed or took too long.
_FINDING = re.compile(r"(crash|timeout|oom|leak)-[0-9a-f]+")
_MINUTES_OF_ONE_INPUT = 2


@dataclass(frozen=True)
class Fuzzed:
    """`inputs` that ran and `edges` of the program that they reached; `failure` is the first complaint, else empty, and
    `failing_input` what led to it.
    """

    seconds: int
    inputs: int
    edges: int
    failure: str
    failing_input: bytes


def require_fuzzer() -> None:
    """Raises StapesError where this machine has no clang, or its libFuzzer is missing."""
    if shutil.which(CLANG) is None:
        raise StapesError("fuzzing: no clang found; install clang")
    with tempfile.TemporaryDirectory(prefix="stapes-fuzz-") as folder:
        probe = Path(folder) / "probe.c"
        probe.write_text("int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }\n")
        command = [CLANG, "-fsanitize=fuzzer,address", str(probe), "-o", f"{folder}/probe"]
        if children.run(command).returncode:
            raise StapesError("fuzzing: clang has no libFuzzer here; install libclang-rt-dev of its version")


def fuzz(folder: Path, name: str, seconds: int, *, inputs: int = -1, seed: int = 1) -> Fuzzed:
    """Fuzz the program `name` of an exported folder for so long, or with so many inputs where that is less.

    Raises StapesError where the machine lacks the fuzzer, and where the program does not compile.
    """
    require_fuzzer()
    with tempfile.TemporaryDirectory(prefix="stapes-fuzz-") as work:
        program = build(folder, name, Path(work))
        return _run(program, Path(work), seconds, inputs, seed)


def build(folder: Path, name: str, work: Path) -> Path:
    """The fuzzer of an exported program; CMSIS-DSP, which shifts negative numbers, is held to its memory alone."""
    cmsis = sources()
    headers = [word for path in cmsis.include_dirs for word in ("-isystem", str(path))]
    headers += [f"-D{word}" for word in cmsis.defines]
    # Guided by the program's own edges, not by those of the harness.
    guided = "-fsanitize=fuzzer-no-link"
    own = [CLANG, *_FLAGS, f"-fsanitize={_SANITISERS}", *headers]
    objects = [
        str(shared_object([CLANG, *_FLAGS, "-fsanitize=address", guided, *headers, "-w"], path))
        for path in cmsis.c_files
    ]
    for path in (*program_files(folder), HARNESS):
        if runtime := runtime_of(folder, path):
            objects.append(str(shared_object([*own, guided], path, runtime)))
            continue
        objects.append(str(work / f"{path.stem}.o"))
        command = [*own, *([] if path == HARNESS else [guided]), *program_defines(folder, name, trace=False)]
        call_compiler([*command, "-c", str(path), "-o", objects[-1]])
    call_compiler([CLANG, *_FLAGS, f"-fsanitize=fuzzer,{_SANITISERS}", *objects, "-o", str(work / "fuzz")])
    return work / "fuzz"


def _run(program: Path, work: Path, seconds: int, inputs: int, seed: int) -> Fuzzed:
    corpus = work / "corpus"
    corpus.mkdir()
    for index, operation in enumerate(range(0xF0, 0x100)):
        (corpus / f"seed_{index}").write_bytes(bytes([operation, 0x7F, 0xFF] * 8))
    options = [
        f"-max_total_time={seconds}",
        f"-runs={inputs}",
        f"-seed={seed}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={60 * _MINUTES_OF_ONE_INPUT}",
        "-print_final_stats=1",
        f"-artifact_prefix={work}/",
    ]
    # By a shell that forks: libFuzzer's limit on memory reads a high-water mark that a child takes over from who starts it.
    command = ["sh", "-c", '"$@"; exit $?', "sh", str(program), *options, str(corpus)]
    done = children.run(command, cwd=work)
    executed = re.findall(r"number_of_executed_units: (\d+)", done.stderr)
    edges = re.findall(r"\bcov: (\d+)", done.stderr)
    failure, failing = "", b""
    if done.returncode:
        failure = _complaint(done.stderr)
        artifacts = [path for path in work.iterdir() if _FINDING.fullmatch(path.name)]
        failing = artifacts[0].read_bytes() if artifacts else b""
    return Fuzzed(seconds, int(executed[-1]) if executed else 0, max(map(int, edges), default=0), failure, failing)


def _complaint(said: str) -> str:
    """The first line that names the fault."""
    lines = said.splitlines()
    named = [
        line for line in lines if re.search(r"runtime error|ERROR: AddressSanitizer|gives other|does not answer", line)
    ]
    others = [line for line in lines if "ERROR" in line]
    return (named or others or lines[-1:] or ["no message"])[0].strip()
