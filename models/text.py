"""Text that comes from files of other people: harmless where it is read."""

from __future__ import annotations

import re

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
