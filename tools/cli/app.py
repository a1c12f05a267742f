"""The commands together: what each is called, and how faults are told."""

from __future__ import annotations

import functools
import logging
import os
import sys
import traceback
import warnings
from contextlib import AbstractContextManager
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup

from ...models.errors import Remark, StapesError
from ..progress import Advance, show_with
from .corpus import app as corpus
from .demo import demo
from .doctor import doctor
from .evaluate import evaluate
from .export import export
from .fit import fit
from .inspect import inspect
from .quantize import quantize
from .regress import regress
from .schema import schema
from .simulate import simulate
from .steer import steer
from .stream import stream
from .train import train

APP = typer.Typer(
    name="stapes",
    help="From a speech-enhancement checkpoint to hearing-aid firmware whose every bit is known in advance.",
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for _function in (
    stream,
    fit,
    quantize,
    export,
    steer,
    simulate,
    regress,
    inspect,
    evaluate,
    demo,
    train,
    doctor,
    schema,
):
    APP.command(_function.__name__)(_function)
APP.add_typer(corpus, name="corpus", help="Fetch, list and mix real speech and noise.")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"stapes {metadata.version('stapes')}")
        raise typer.Exit()


@APP.callback()
def _stapes(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What stands before the name of a command."""


DEBUG = "STAPES_DEBUG"
# Set by the shell, after `stapes --install-completion`, when a user presses the tabulator.
COMPLETE = "_STAPES_COMPLETE"
BAD_INPUT, OWN_FAULT = 2, 70
# Of a message that no one wrote for users.
LONGEST = 200


def run() -> None:
    """Run the command line: faults of the user are one line on standard error and exit code 2, our own one line and 70."""
    warnings.showwarning = _remark
    show_with(_progress_bar)
    logging.getLogger().addHandler(logging.NullHandler())  # else libraries log to standard error
    try:
        code = _called(sys.argv[1:] or ["--help"])
        sys.stdout.flush()
    except StapesError as error:
        _fail(str(error))
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        place = context.command_path if context else "stapes"
        # "Value error" is the word of the library that reads the options, not the user's.
        said = error.format_message().rstrip(".").replace(": Value error, ", ": ")
        _fail(f"{said}; see: {place} --help")
    except MemoryError:
        _fail("out of memory; give fewer or shorter files at a time")
    except OSError as error:
        # What could not be written would be tried again, and complained about, at the very end.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        name = os.fsdecode(error.filename) if error.filename is not None else "standard output, or a temporary file"
        _fail(f"{name}: {error.strerror or error}; check the path, its rights and the free space")
    except Exception as error:
        _confess(error)
    sys.exit(code)


def _called(arguments: list[str]) -> int:
    """Call what the arguments name; the exit code. Not by the app itself, which has words of its own for some exceptions."""
    if os.environ.get(COMPLETE):
        _command().main(args=arguments, prog_name="stapes")  # tells the shell what could come next, and ends
    if _helped(arguments):
        return 0
    command = _command()
    try:
        with command.make_context("stapes", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as left:
        return left.exit_code
    return 0


@functools.cache
def _command() -> TyperGroup:
    made = typer.main.get_command(APP)
    assert isinstance(made, TyperGroup)
    return made


def _confess(error: Exception) -> NoReturn:
    """What nobody has foreseen is not the user's fault; they can help to find ours."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    said = " ".join(str(error).split())
    _say(
        f"stapes: error: unforeseen {type(error).__name__}{f': {said[:LONGEST]}' if said else ''}; please report it, with "
        f"the command and what {DEBUG}=1 shows before this line"
    )
    sys.exit(OWN_FAULT)


def _helped(arguments: list[str]) -> bool:
    """Print the help of the command that is named, where help is asked for.

    The usual way would first build a validator for every option, in more time than all the rest of it takes.
    """
    if "--help" not in arguments:
        return False
    context = typer.Context(_command(), info_name="stapes")
    for word in arguments:
        command = context.command
        if word == "--help" or not isinstance(command, TyperGroup):
            command.get_help(context)  # prints it
            return True
        found = command.get_command(context, word)
        if found is None:
            break
        context = typer.Context(found, info_name=word, parent=context)
    return False


def _fail(message: str) -> NoReturn:
    _say(f"stapes: error: {' '.join(message.splitlines())}")
    sys.exit(BAD_INPUT)


def _remark(message: Warning | str, category: type[Warning], *_where: object, **_source: object) -> None:
    """A warning of ours as one line, without the place in the source."""
    if issubclass(category, Remark):
        _say(f"stapes: note: {message}")


def _progress_bar(description: str, total: int) -> AbstractContextManager[Advance]:
    from ..console import progress_bar

    return progress_bar(description, total)


def _say(line: str) -> None:
    from ..console import err

    err.print(line)
