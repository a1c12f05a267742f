"""The command `stapes`: what each sub-command is called, and how faults are told."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import NoReturn

import typer

from models.errors import StapesError
from tools.console import err

# Where each sub-command stands, in the order of the help. Only the one that is called is imported: together they take seconds.
COMMANDS = {
    "quantize": "tools.commands.quantize",
    "export": "tools.commands.export",
    "simulate": "tools.commands.simulate",
    "regress": "tools.commands.regress",
    "inspect": "tools.commands.inspect",
    "evaluate": "tools.commands.evaluate",
    "demo": "tools.commands.demo",
    "train": "tools.train",
    "corpus": "tools.corpus.cli",
}


def make_app(arguments: list[str]) -> typer.Typer:
    """The program with the command that the arguments name, or with all of them where they name none."""
    app = typer.Typer(
        name="stapes",
        help="From a speech-enhancement checkpoint to hearing-aid firmware whose every bit is known in advance.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )

    @app.callback()
    def stapes() -> None:
        """Keep sub-commands where there is only one."""

    stapes.__doc__ = None
    for name in [arguments[0]] if arguments and arguments[0] in COMMANDS else COMMANDS:
        module = importlib.import_module(COMMANDS[name])
        if name == "corpus":
            app.add_typer(module.app, name=name, help="Fetch, list and mix real speech and noise.")
        else:
            app.command(name)(getattr(module, name))
    return app


INTERRUPTED = 130  # what the shell expects after Ctrl-C


def main() -> None:
    """Run the command line: faults of the user are one line on standard error and exit code 2."""
    warnings.showwarning = _remark
    try:
        arguments = sys.argv[1:] or ["--help"]
        code = make_app(arguments)(arguments, prog_name="stapes", standalone_mode=False)
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
