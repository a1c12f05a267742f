"""`stapes doctor` finds what is not as it should be: each fault is made, and is then told with its remedy."""

import json
import os
import tempfile

import pytest
import stapes as library
from stapes.firmware_sim import cmsis_dsp
from stapes.tools import checkup, pins
from stapes.tools.work import crew


@pytest.fixture
def only(monkeypatch):
    """`stapes doctor` that looks at some of the groups alone: the others take their time."""

    def choose(*groups):
        for group in {"packages", "extras", "compilers", "emulators", "programs", "machine"} - set(groups):
            monkeypatch.setattr(checkup, group, lambda: ())

    return choose


@pytest.fixture
def program(tmp_path):
    """(what it says, exit code) -> a program that says it on standard error, whatever it is asked."""

    def make(said, code):
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {code}\n")
        path.chmod(0o755)
        return path

    return make


def named(findings):
    return {finding.name: finding for finding in findings}


def test_all_groups_are_looked_at_and_the_exit_code_says_whether_there_is_a_fault(stapes):
    done = stapes("doctor", "--json")
    told = json.loads(done.stdout)
    groups = dict.fromkeys(finding["group"] for finding in told["findings"])
    assert list(groups) == ["packages", "extras", "compilers", "emulators", "programs", "machine"]
    faults = [finding for finding in told["findings"] if finding["fault"]]
    assert (done.code, told["healthy"]) == ((1, False) if faults else (0, True)), faults
    assert told["stapes"] == library.__version__
    for finding in told["findings"]:
        assert finding["state"] in ("ok", "missing", "wrong")
        assert finding["state"] == "ok" or (finding["cost"] and finding["remedy"]), finding
        assert finding["fault"] == (
            finding["state"] == "wrong" or (finding["needed"] and finding["state"] == "missing")
        )


def test_a_package_off_its_pin_and_a_missing_one_are_faults_with_a_remedy(stapes, only, monkeypatch):
    only("packages")
    assert stapes("doctor").code == 0
    real = pins.installed
    monkeypatch.setattr(
        checkup,
        "installed",
        lambda name: {"numpy": "1.0", "scipy": None}[name] if name in ("numpy", "scipy") else real(name),
    )
    done = stapes("doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.code == 1
    numpy = next(pin for pin in pins.pins() if pin.package == "numpy")
    assert (found["numpy"]["state"], found["numpy"]["found"]) == ("wrong", f"1.0, pinned is {numpy.version}")
    assert f"pip install numpy=={numpy.version}" in found["numpy"]["remedy"]
    assert (found["scipy"]["state"], found["scipy"]["fault"]) == ("missing", True)
    shown = stapes("doctor").stdout
    assert "to be mended: 3" in shown
    assert shown.count("TO MEND") == 3


def test_an_extra_that_is_not_there_costs_something_and_is_no_fault(monkeypatch):
    real = pins.installed
    monkeypatch.setattr(checkup, "installed", lambda name: None if name == "pyrnnoise" else real(name))
    peers = named(checkup.extras())["peers"]
    assert (peers.state, peers.fault, peers.remedy) == ("missing", False, "pip install 'stapes[peers]'")
    assert "--against rnnoise" in peers.cost
    monkeypatch.setattr(checkup, "installed", lambda name: "0.0" if name == "pyrnnoise" else real(name))
    found = named(checkup.extras())
    assert (found["peers"].fault, found["pyrnnoise"].fault) == (False, True)


def test_a_build_of_the_pinned_version_is_that_version(monkeypatch):
    monkeypatch.setattr(checkup, "installed", lambda name: f"{pinned[name]}+cpu")
    pinned = {pin.package: pin.version for pin in pins.pins()}
    assert not [finding for finding in checkup.packages() if finding.fault]


def test_the_pins_of_a_checkout_are_those_of_what_is_installed_from_it(monkeypatch):
    lines = [
        "numpy==2.4.6",
        "absent==1.0; sys_platform == 'nowhere'",
        'pyclarity==0.9.0; extra == "metrics"',
        'stapes[m7]; extra == "dev"',
    ]
    monkeypatch.setattr(pins, "PROJECT", pins.PROJECT / "absent")
    monkeypatch.setattr(pins.metadata, "requires", lambda name: lines)
    assert pins.pins.__wrapped__() == (("numpy", "2.4.6", ""), ("pyclarity", "0.9.0", "metrics"))


def test_a_compiler_is_believed_when_it_has_compiled(monkeypatch, program):
    monkeypatch.setenv("CC", str(program("probe.c:1: fatal error: stdio.h: No such file", 1)))
    found = named(checkup.compilers())["C compiler of this machine"]
    assert (found.state, found.fault) == ("wrong", True)
    assert "stdio.h" in found.found
    # It says that all went well, and there is no program.
    monkeypatch.setenv("CC", str(program("", 0)))
    assert named(checkup.compilers())["C compiler of this machine"].state == "wrong"


def test_what_is_not_installed_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("STAPES_CMSIS_DSP", raising=False)
    monkeypatch.setattr(cmsis_dsp, "_cache_folder", lambda: tmp_path)
    found = named([*checkup.compilers(), *checkup.programs()])
    assert {name for name, finding in found.items() if finding.state == "missing"} >= {
        *("C compiler of this machine", "C sources of CMSIS-DSP", "make", "cmake", "ninja", "clang", "cppcheck")
    }
    assert found["C compiler of this machine"].fault
    assert not found["cmake"].fault
    assert os.listdir(tmp_path) == []  # nothing was fetched


def test_a_package_that_raises_on_import_is_told(monkeypatch):
    def damaged():
        raise AttributeError("module has no attribute 'x'")

    monkeypatch.setattr(checkup, "_unicorn", damaged)
    found = named(checkup.emulators())["unicorn"]
    assert (found.state, found.found) == ("wrong", "AttributeError: module has no attribute 'x'")


def test_a_temporary_folder_that_takes_nothing_is_a_fault(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    found = named(checkup.machine())["temporary folder"]
    assert found.fault
    assert "TMPDIR" in found.remedy


def test_a_scheduler_that_does_not_answer_is_a_finding_and_no_address_is_bad_input(stapes, only, monkeypatch):
    only()
    monkeypatch.setattr(crew, "ANSWER_SECONDS", 0.5)
    done = stapes("doctor", "--scheduler", "tcp://127.0.0.1:9", "--json")
    (found,) = json.loads(done.stdout)["findings"]
    assert (done.code, found["group"], found["fault"]) == (1, "scheduler", True)
    assert "no scheduler answers there" in found["found"]
    assert "give tcp://HOST:PORT" in stapes("doctor", "--scheduler", "lab:8786").error
