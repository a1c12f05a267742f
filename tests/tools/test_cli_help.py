"""Help comes at once: what it prints, and what it does not import for that."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMANDS = [
    "stream",
    "fit",
    "quantize",
    "export",
    "steer",
    "simulate",
    "regress",
    "inspect",
    "evaluate",
    "demo",
    "train",
    "doctor",
    "schema",
]
COMMANDS += ["corpus", "corpus fetch", "corpus status", "corpus mix"]
# What takes seconds to import: any one of them would be noticed.
HEAVY = {"torch", "numpy", "onnx", "onnxruntime", "scipy", "matplotlib", "soundfile", "jinja2", "pydantic"}

_EVERY_HELP = f"""
import sys
from stapes.tools.cli import main
for words in {["", *COMMANDS]!r}:
    sys.argv = ["stapes", *words.split(), "--help"]
    try:
        main()
    except SystemExit as left:
        assert not left.code, words
print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""


def test_help_of_every_command_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", _EVERY_HELP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_an_example_a_line(stapes, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = stapes(*command.split(), "--help")
    assert done.code == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert [line for line in lines if line.startswith(f"stapes {command}")] or command == "corpus"
    assert f"Usage: stapes {command}" in done.stdout


def test_help_is_for_the_last_command_that_is_named(stapes):
    assert "Usage: stapes simulate" in stapes("simulate", "a", "b", "--help").stdout
    assert "Usage: stapes [OPTIONS]" in stapes("--help", "simulate").stdout
    assert "Usage: stapes [OPTIONS]" in stapes().stdout
    assert "'simulat'" in stapes("simulat", "--help").error


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("stapes ev", {"evaluate"}),
        ("stapes corpus ", {"fetch", "status", "mix"}),
        ("stapes evaluate --work", {"--workers"}),
    ],
)
def test_the_shell_completes_commands_and_options(stapes, monkeypatch, words, wanted):
    monkeypatch.setenv("_STAPES_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert set(stapes().stdout.split()) == wanted


def test_the_completion_is_shown_for_a_shell(stapes, monkeypatch):
    monkeypatch.setenv("_STAPES_COMPLETE", "source_bash")
    assert "complete -o default -F" in stapes().stdout
