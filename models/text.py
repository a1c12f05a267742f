"""Text that comes from files of other people: harmless where it is read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

# Of names that are told so many are; the others are counted.
SHOWN = 4
# A word longer than this is shortened where it is shown.
LONGEST_WORD = 200

_UNSEEN = re.compile(r"[^ -~]")


def hidden(text: str, forbidden: re.Pattern[str]) -> str:
    """Text with the characters that match written as their Unicode numbers; no two texts become the same.

    >>> hidden("a;b", re.compile(";"))
    'a(U+003B)b'
    """
    marked = re.sub(r"\((?=U\+)", _number, text)
    return forbidden.sub(_number, marked)


def _number(match: re.Match[str]) -> str:
    return "".join(f"(U+{ord(character):04X})" for character in match[0])


def printable(text: str) -> str:
    r"""Text for a terminal or a page: one line, and nothing that steers what shows it (escapes, right-to-left marks).

    >>> print(printable("größe\x1b[2J\u202e\n"))
    größe(U+001B)[2J(U+202E)(U+000A)
    """
    if text.isprintable():
        return text
    return _UNSEEN.sub(lambda match: match[0] if match[0].isprintable() else _number(match), text)


def shortened(text: str) -> str:
    """Text whose words of more than LONGEST_WORD characters are cut in the middle.

    >>> shortened("a " + 300 * "b") == "a " + 98 * "b" + "..." + 98 * "b"
    True
    """
    half = LONGEST_WORD // 2 - 2
    return re.sub(rf"\S{{{LONGEST_WORD + 1},}}", lambda match: f"{match[0][:half]}...{match[0][-half:]}", text)


def first_line(error: BaseException, most: int | None = None) -> str:
    r"""What an exception of a library says, in one line of at most `most` characters; its kind where it says nothing.

    >>> first_line(ValueError("no such axis\nat node 3")), first_line(EOFError())
    ('no such axis', 'EOFError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]


def in_short(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are.

    >>> in_short(["a", "b", "c", "d", "e"])
    'a, b, c, d and 1 more'
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def file_name(path: Path) -> str:
    r"""The name of a file as text that every document can hold: bytes that are no UTF-8 are written as numbers.

    >>> print(file_name(Path("folder", "caf\udce9.wav")))
    caf\xe9.wav
    """
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")
