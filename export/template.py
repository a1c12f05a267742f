"""Templates, and the one place where text meets the language of the file that is written.

Names of tensors, recipes and versions come from files of other people: what they hold must never become code. So a
template prints a plain `str` as harmless text of its language, whatever it holds and without being asked. What is code
has to say so (`Code`), and plain text where only code may stand is an error, unless it is a single word such as a name.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Number
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
import markupsafe

from ..models.text import hidden, printable

# Around plain text while a file is being made: private characters, which no text keeps.
_OPEN, _CLOSE = "\ue000", "\ue001"
_WORD = re.compile(r"[\w./+-]*", re.ASCII)


class Code(str):
    """Text that this tool made in the language of the file. Joined with anything it is a plain `str` again."""

    __slots__ = ()

    def __html__(self) -> str:
        """What jinja asks of text that it shall leave alone."""
        return str(self)


@dataclass(frozen=True)
class _Language:
    """`escape` makes text harmless wherever `inert` matches, that is in comments and strings, without leaving them; where
    there is no `inert`, it is harmless everywhere.
    """

    escape: Callable[[str], str]
    inert: str = ""

    def settle(self, text: str) -> str:
        """Take the marks off plain text; raises ValueError where it stands as code and is no word."""
        if not self.inert:
            return text
        return re.sub(f"{self.inert}|{_OPEN}(?P<text>[^{_CLOSE}]*){_CLOSE}", _settled, text, flags=re.DOTALL)


def _settled(match: re.Match[str]) -> str:
    text = match["text"]
    if text is None:
        return match[0].replace(_OPEN, "").replace(_CLOSE, "")
    if not _WORD.fullmatch(text):
        raise ValueError(f"a template prints {text!r} where code belongs; mark it as Code, or put it into a comment")
    return text


def _hiding(forbidden: str) -> Callable[[str], str]:
    pattern = re.compile(forbidden)
    return lambda text: hidden(text, pattern)


def in_c(text: str) -> str:
    r"""Text in a comment or in a string of C and C++, printable ASCII; in a string it stands for itself, byte by byte.

    >>> print(in_c('a*/ "b" ??/ é'), in_c("/gru/h*2"))
    a*\057 \042b\042 ?\077/ \303\251 /gru/h*2
    """

    def octal(match: re.Match[str]) -> str:
        return "".join(f"\\{byte:03o}" for byte in match[0].encode("utf-8", "surrogatepass"))

    return _NOT_IN_C.sub(octal, text)


_NOT_IN_C = re.compile(r'["\\]|[^ -~]|(?<=/)\*|(?<=\*)/|(?<=\?)\?')


def in_json(text: str) -> str:
    """Text between the quotes of a JSON string."""
    return json.dumps(text)[1:-1]


def in_html(text: str) -> str:
    """Text in an element or in a quoted attribute of HTML."""
    return str(markupsafe.escape(printable(text)))


_C = _Language(in_c, r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'""")
_HASH = r"\#[^\n]*"
_STRING = r'"(?:\\.|[^"\\\n])*"'
# Where a comment may hold text and nothing else may: a backslash or a `$` would reach beyond its line or be replaced.
_COMMENTED = _Language(_hiding(r'["\'`\\$@#\[\]]|[^ -~]'), f"{_HASH}|{_STRING}")
_MAKE = _Language(_hiding(r"[\\$#]|[^ -~]"), _HASH)
# The first and the last letter too, as two hyphens would then stand beside those of the comment's mark.
_XML = _Language(_hiding(r"""[<>&"']|(?<=-)-|^-|-$|[^ -~]"""))
_MARKDOWN = _Language(_hiding(r"[<>&`|\\\[\]$]|[^ -~]"))
_LINES = _Language(_hiding(r"[\\]|[^ -~]"))

# By the name of a template without `.j2`, or by how it ends: the language of the file.
_LANGUAGES: Mapping[str, _Language] = {
    ".c": _C,
    ".h": _C,
    ".ino": _C,
    ".ld": _C,
    "Makefile": _MAKE,
    "CMakeLists.txt": _COMMENTED,
    ".cmake": _COMMENTED,
    ".conf": _COMMENTED,
    ".yml": _COMMENTED,
    ".yaml": _COMMENTED,
    "Kconfig": _COMMENTED,
    "keywords.txt": _COMMENTED,
    ".properties": _LINES,
    ".json": _Language(in_json),
    ".md": _MARKDOWN,
    ".pdsc": _XML,
    ".html": _Language(in_html),
}


@functools.cache
def _language(template: str) -> _Language:
    name = PurePosixPath(template.removesuffix(".j2"))
    return _LANGUAGES[name.name if name.name in _LANGUAGES else name.suffix]


@jinja2.pass_context
def _printed(context: jinja2.runtime.Context, value: object) -> markupsafe.Markup:
    """What a template prints for a value: code as it is, numbers in figures, every other text made harmless."""
    if hasattr(value, "__html__"):
        return markupsafe.Markup(value)
    if isinstance(value, Number):
        return markupsafe.Markup(str(value))
    language = _language(str(context.name))
    text = language.escape(str(value))
    return markupsafe.Markup(f"{_OPEN}{text}{_CLOSE}" if language.inert else text)


class Templates:
    """A folder of jinja templates; a name that a template does not know is an error."""

    def __init__(self, folder: Path) -> None:
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=True,
            finalize=_printed,
        )

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """The text of a file, in the language that the template's name tells. Raises ValueError for text in place of code."""
        return _language(template).settle(self._jinja.get_template(template).render(values))
