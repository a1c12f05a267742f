"""cppcheck and its MISRA addon find in the C what export/runtime/misra.toml lists, and nothing else."""

import fnmatch
import re
import subprocess
import tomllib

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.export.c.runtime import RUNTIME, exported_path, runtime_text
from stapes.export.targets import CORES, CORTEX_M7, HOST, PORTABLE, REPLACING
from stapes.models.audio.controls import ALL, with_controls
from stapes.quantize.audio.controls import with_programs

from tests.export.networks import network
from tests.export.programs import STAMP
from tests.firmware_sim.gru_graph import gru_graph, random_frames
from tests.machine import require

DEVIATIONS = RUNTIME / "misra.toml"
# What stands for NAME there; the last is small enough for its weights and vectors to be checked too.
PROGRAMS = {
    "gru8": ("own", "w8a8"),
    "gru16": ("own", "w8a16"),
    "norm": ("published", "w8a8_features16"),
    "turn": ("complex", "w8a16"),
}
SMALL = "cell"
# Of these STAPES_VECTORS is made, for which C files ask too.
VECTORS = {"__SSE2__", "__ARM_NEON"}
CONDITION = re.compile(r"^[ \t]*#[ \t]*(?:el)?if.*$", re.MULTILINE)
OPTIONS = [
    "--std=c99",
    "--platform=arm32-wchar_t4",
    "--addon=misra",
    "--enable=warning,style,performance,portability",
    "--quiet",
    "-U__cplusplus",
    "-USTAPES_DOT_HEADER",
    "-USTAPES_CONFIG_FILE",
    "--suppress=missingIncludeSystem",
]


def deviations():
    return tomllib.loads(DEVIATIONS.read_text())["deviation"]


def write_runtime(work, target, only_other=False):
    """The whole runtime as the target's exports hold it -> its C files; where asked only those that the default has not so."""
    written = []
    for path in RUNTIME.rglob("*.[ch]"):
        core = path.parent.name in CORES and path.parent.name != target.core
        if path.parent.name in REPLACING or core or (not target.core and path.name == "stapes_core.h"):
            continue
        place, text = work / exported_path(path.name), runtime_text(path.name, target)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        if path.suffix == ".c" and not (only_other and text == path.read_text()):
            written.append(place.relative_to(work).as_posix())
    return sorted(written)


def asked_of_compilers(path):
    """Macros of compilers, `__NAME`, that a file's conditions ask for."""
    conditions = " ".join(CONDITION.findall(path.read_text()))
    return set(re.findall(r"\b__\w+", conditions)) - {"__cplusplus"}


def alone(work):
    """What asks which compiler it is, by itself: C files, and for each such header a file that takes it in -> its files.

    The rest of the C is the same for every compiler, so that it need not be checked once more for each.
    """
    files = []
    for path in sorted(work.rglob("*.[ch]")):
        if asked_of_compilers(path):
            name = path.relative_to(work).as_posix()
            if path.suffix == ".h":
                (work / f"{path.stem}_alone.c").write_text(f'#include "{name}"\n')
                name = f"{path.stem}_alone.c"
            files.append(name)
    return files


def check(work, files, options=()):
    """What cppcheck finds in these files of a folder, as (rule or its own id, file, line)."""
    command = ["cppcheck", *OPTIONS, *options, "--template={file}\t{line}\t{id}", *files]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True)
    assert done.stderr, done.stdout
    lines = (line.split("\t") for line in done.stderr.splitlines())
    return {(rule.removeprefix("misra-c2012-"), file, number) for file, number, rule in lines}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """All findings as (rule or cppcheck's own id, file, line), with NAME for the name of a program."""
    require("cppcheck")
    work = tmp_path_factory.mktemp("misra")
    for name, (config, recipe) in PROGRAMS.items():
        net = network(config, recipe)
        path = net.sound_path
        if name == "turn":
            path = with_controls(path, [ALL])
            path = with_programs(path, [{"strength": {"mix": np.asarray(0.5)}}])
        export_c(net.graph, work, name=name, sound_path=path, stamp=STAMP, vectors=net.vectors)
    graph = gru_graph("int8", 16, 16)
    codes = random_frames(graph, 10, 1, seed=0)[:, 0].astype(np.int8).reshape(10, 16)
    export_c(graph, work, name=SMALL, sound_path=None, stamp=STAMP, vectors={"x": codes, "h_out": codes})
    write_runtime(work, CORTEX_M7)
    left_out = ["*_runner.c", *(f"{name}_{data}.c" for name in PROGRAMS for data in ("weights", "vectors"))]
    files = [path.relative_to(work).as_posix() for path in sorted(work.rglob("*.c"))]
    files = [file for file in files if not any(fnmatch.fnmatch(file, pattern) for pattern in left_out)]
    assert len(files) > 60
    compilers = set().union(*map(asked_of_compilers, work.rglob("*.[ch]")))
    assert compilers > VECTORS
    no_compiler = [f"-U{macro}" for macro in sorted(compilers - VECTORS)]
    found = check(work, files, no_compiler)
    # Which macros nothing uses, rule 2.5, shows over all files alone.
    others = check(work, alone(work))
    for target in (PORTABLE, HOST):
        folder = tmp_path_factory.mktemp(target.name)
        others |= check(folder, write_runtime(folder, target, only_other=True), no_compiler)
    found |= {finding for finding in others if finding[0] != "2.5"}
    names = "|".join([*PROGRAMS, SMALL])
    return {(rule, re.sub(rf"^({names})\b|^({names})(?=_)", "NAME", file), line) for rule, file, line in found}


def listed(finding, deviation):
    rule, file, _ = finding
    return rule == deviation["rule"] and any(fnmatch.fnmatch(file, pattern) for pattern in deviation["where"])


def test_every_finding_is_a_listed_deviation(findings):
    unlisted = sorted(f for f in findings if not any(listed(f, deviation) for deviation in deviations()))
    assert not unlisted, "\n".join(f"{file}:{line}: {rule}" for rule, file, line in unlisted)


def test_every_listed_deviation_still_occurs(findings):
    gone = [
        (deviation["rule"], pattern)
        for deviation in deviations()
        for pattern in deviation["where"]
        if not any(listed(finding, deviation | {"where": [pattern]}) for finding in findings)
    ]
    assert not gone


def test_every_deviation_has_a_rule_a_category_a_place_and_a_reason():
    listed = deviations()
    for deviation in listed:
        assert set(deviation) == {"rule", "category", "where", "reason"}
        assert re.fullmatch(r"\d+\.\d+|[a-zA-Z]+", deviation["rule"])
        # Nothing of the mandatory rules can be left.
        assert deviation["category"] in ("required", "advisory", "cppcheck")
        assert len(deviation["reason"].split()) >= 8
    assert len({deviation["rule"] for deviation in listed}) == len(listed)
