"""The command `stapes`: what each sub-command is called, and how faults are told."""

from __future__ import annotations

import os
import sys
import warnings
from typing import NoReturn

import typer

from models.errors import StapesError
from tools.commands.demo import demo
from tools.commands.evaluate import evaluate
from tools.commands.export import export
from tools.commands.inspect import inspect
from tools.commands.quantize import quantize
from tools.commands.regress import regress
from tools.commands.simulate import simulate
from tools.console import err
from tools.corpus.cli import app as corpus
from tools.train import train

app = typer.Typer(
    name="stapes",
    help="From a speech-enhancement checkpoint to hearing-aid firmware whose every bit is known in advance.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command in (quantize, export, simulate, regress, inspect, evaluate, demo, train):
    app.command()(command)
app.add_typer(corpus, name="corpus", help="Fetch, list and mix real speech and noise.")

INTERRUPTED = 130  # what the shell expects after Ctrl-C


def main() -> None:
    """Run the command line: faults of the user are one line on standard error and exit code 2."""
    warnings.showwarning = _remark
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="stapes", standalone_mode=False)
        sys.stdout.flush()
    except StapesError as error:
        _fail(str(error))
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        place = context.command_path if context else "stapes"
        _fail(f"{error.format_message().rstrip('.')}; see: {place} --help")
    except MemoryError:
        _fail("out of memory; give fewer or shorter files at a time")
    except OSError as error:
        # What could not be written would be tried again, and complained about, at the very end.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        name = os.fsdecode(error.filename) if error.filename is not None else "standard output, or a temporary file"
        _fail(f"{name}: {error.strerror or error}; check the path, its rights and the free space")
    if code == INTERRUPTED:
        err.print("stapes: stopped", markup=False)
    sys.exit(code or 0)


def _fail(message: str) -> NoReturn:
    err.print(f"stapes: error: {' '.join(message.splitlines())}", markup=False)
    sys.exit(2)


def _remark(message, category, filename, lineno, file=None, line=None) -> None:
    """A warning as one line, without the place in the source."""
    if issubclass(category, UserWarning):
        err.print(f"stapes: note: {message}", markup=False)


if __name__ == "__main__":
    main()
