"""Files by chance, changed where a reader looks: one line or a sound result, never a traceback, in bounds, nothing left."""

import os
import sys

import pytest
from stapes.quantize import against_source, long_run
from stapes.tools.bench import hostile
from stapes.tools.bench.hostile import KINDS, Run, attack, make_material, run_all
from stapes.tools.library import golden

# A sample of what `python -m stapes.tools.bench.files` runs by the thousand.
MUTATIONS = 500
FEWER = {"tflite": 100}


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return make_material(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def short(monkeypatch):
    """A file that is taken is run on for fewer frames; the bench runs it as a user does."""
    monkeypatch.setattr(long_run, "TIMES", 2)
    monkeypatch.setattr(long_run, "SNAPSHOTS", 8)
    monkeypatch.setattr(golden, "FRAMES", 8)
    monkeypatch.setattr(against_source, "CHECKED_FRAMES", 8)
    monkeypatch.setattr(against_source, "RANDOM_FRAMES", 8)


@pytest.mark.parametrize("kind", KINDS)
def test_changed_file_is_refused_in_one_line_or_used(kind, material, short):
    faults = attack(kind, FEWER.get(kind, MUTATIONS), material, seed=1)
    assert not faults, "\n".join(map(str, faults))


def says(text, code=2):
    def run(arguments):
        sys.stderr.write(text)
        return code

    return run


def leaves(name, code=0):
    def run(arguments):
        with open(name, "w") as file:
            file.write("x")
        return says("stapes: error: no\n", code)(arguments) if code else code

    return run


def fails(arguments):
    raise ZeroDivisionError


def burns(arguments):
    while True:
        pass


def takes(arguments):
    return len(b"x" * (hostile.BYTES + (1 << 25))) and 0


BAD = {
    "exit code 1": says("stapes: error: no\n", code=1),
    "exit code 99": fails,
    "exit code 70": says("stapes: error: please report\n", code=70),
    "2 lines": says("stapes: error: a\nb\n"),
    "0 lines": says(""),
    "raw control": says("stapes: error: \x1b[31m\n"),
    "no note": says("hello\n", code=0),
    "SIGPROF": burns,
    "SIGKILL": lambda arguments: os.kill(os.getpid(), 9),
    "MB": takes,
    "litter": leaves("litter"),
    "in.wav": leaves("in.wav"),
    "tmp/left": leaves("tmp/left"),
    "output of a run that failed": leaves("out", code=2),
}


@pytest.mark.parametrize("fault", BAD)
def test_attack_sees_what_it_looks_for_and_goes_on_behind_it(fault, tmp_path, monkeypatch):
    sound = says("stapes: error: no\n")
    monkeypatch.setattr(hostile, "SECONDS", 1)
    monkeypatch.setattr(hostile, "BYTES", 1 << 26)
    monkeypatch.setattr(hostile, "_run", lambda arguments: (BAD[fault] if arguments == ["bad"] else sound)(arguments))
    runs = []
    for index, argument in enumerate(["good", "bad", "good"]):
        (tmp_path / str(index)).mkdir()
        (tmp_path / str(index) / "in.wav").write_bytes(b"sound")
        runs.append(Run(index, [argument], tmp_path / str(index)))
    ((index, what, _),) = run_all(runs)
    assert index == 1
    assert fault in what
