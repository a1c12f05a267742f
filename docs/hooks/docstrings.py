"""Docstrings as Markdown: lists whose descriptions stand in one column become lists, examples become blocks of code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ENTRY = re.compile(r"(\S+(?:(?:, | )\S+){0,4}) {2,}(\S.*)")


def markdown(text: str) -> str:
    r"""A docstring as Markdown.

    >>> markdown("Does.\n\nbundle  a folder,\n        or a `Bundle`\nname    a word")
    'Does.\n\n- `bundle`: a folder,\n    or a `Bundle`\n- `name`: a word'
    >>> markdown("Does.\n\n>>> f(1)\n2")
    'Does.\n\n```pycon\n>>> f(1)\n2\n```'
    """
    made: list[str] = []
    state = ""
    for line in text.splitlines():
        entry = _ENTRY.fullmatch(line)
        if state == "example" and not line.strip():
            made.append("```")
            state = ""
        if state != "example" and line.startswith(">>> "):
            made.append("```pycon")
            state = "example"
        if state == "example":
            made.append(line)
        elif entry:
            if state != "list" and made and made[-1].strip():
                made.append("")
            made.append(f"- {', '.join(f'`{name}`' for name in entry.group(1).split(', '))}: {entry.group(2)}")
            state = "list"
        elif state == "list" and line.startswith("    "):
            made.append("    " + line.strip())
        else:
            state = "" if line.strip() else state
            made.append(line)
    return "\n".join([*made, *(["```"] if state == "example" else [])])


class Lists(griffe.Extension):
    """Every docstring of the package through `markdown`."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for each module, class and function."""
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
