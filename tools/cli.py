"""The command `stapes`: what each sub-command is called, and how faults are told."""

from __future__ import annotations

import sys
import warnings

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
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command in (quantize, export, simulate, regress, inspect, evaluate, demo, train):
    app.command()(command)
app.add_typer(corpus, name="corpus", help="Fetch, list and mix real speech and noise.")


def main() -> None:
    """Run the command line: faults of the user are one line on standard error and exit code 2."""
    warnings.showwarning = _remark
    try:
        app(standalone_mode=True)
    except StapesError as error:
        _fail(str(error))
    except MemoryError:
        _fail("out of memory; give fewer or shorter files at a time")
    except KeyboardInterrupt:
        err.print("stapes: stopped", markup=False)
        sys.exit(130)
    except OSError as error:
        _fail(f"{error.filename or 'file'}: {error.strerror or error}; check the path, its rights and the free space")


def _fail(message: str) -> None:
    err.print(f"stapes: error: {message}", markup=False)
    sys.exit(2)


def _remark(message, category, filename, lineno, file=None, line=None) -> None:
    """A warning as one line, without the place in the source."""
    if issubclass(category, UserWarning):
        err.print(f"stapes: note: {message}", markup=False)


if __name__ == "__main__":
    main()
