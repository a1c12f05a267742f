"""What nobody has foreseen is told in one line too, and asks for a report."""

from __future__ import annotations

import logging
import warnings

import pytest
from stapes.models.errors import Remark
from stapes.tools.commands import inspect


@pytest.fixture
def broken(monkeypatch):
    """`stapes inspect` fails with an exception."""

    def install(error: BaseException) -> None:
        def fail(*arguments, **options):
            raise error

        monkeypatch.setattr(inspect, "inspect", fail)

    return install


@pytest.mark.parametrize(
    "error",
    [
        RecursionError("too deep"),
        EOFError(),
        ZeroDivisionError("division\nby zero"),
        KeyError("name"),
        Exception("x" * 10_000),
    ],
)
def test_unforeseen_exception_is_one_line_and_exit_code_70(stapes, broken, monkeypatch, error):
    monkeypatch.delenv("STAPES_DEBUG", raising=False)
    broken(error)
    done = stapes("inspect", "bundle")
    assert (done.code, done.stdout, done.stderr.count("\n")) == (70, "", 1)
    assert done.stderr.startswith(f"stapes: error: unforeseen {type(error).__name__}")
    assert "please report it" in done.stderr
    assert "STAPES_DEBUG=1" in done.stderr
    assert len(done.stderr) < 500


def test_traceback_is_shown_on_request(stapes, broken, monkeypatch):
    monkeypatch.setenv("STAPES_DEBUG", "1")
    broken(ZeroDivisionError("division by zero"))
    done = stapes("inspect", "bundle")
    assert done.code == 70
    assert done.stderr.startswith("Traceback")
    assert "in fail" in done.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory"),
        (BrokenPipeError(32, "Broken pipe"), "standard output"),
        (OSError(28, "No space left"), "free space"),
    ],
)
def test_what_the_machine_lacks_is_no_fault_of_ours(stapes, broken, error, words):
    broken(error)
    assert words in stapes("inspect", "bundle").error


def test_only_remarks_of_ours_are_shown(stapes, monkeypatch):
    def warn(*arguments, **options):
        warnings.warn("of a library", UserWarning, stacklevel=1)
        warnings.warn("of ours", Remark, stacklevel=1)
        logging.getLogger("library").warning("logged")

    monkeypatch.setattr(inspect, "inspect", warn)
    # pytest records warnings; they are to go where the command line sends them.
    with warnings.catch_warnings():
        done = stapes("inspect", "bundle")
    assert (done.code, done.stderr) == (0, "stapes: note: of ours\n")
