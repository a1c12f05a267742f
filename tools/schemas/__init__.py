"""JSON Schemas of what the commands print with `--json`: one file each, `stapes-COMMAND-VERSION.json`.

The files are written by hand, as they are a promise: a key may be added under the same number; what is there stays, and keeps its
type. Any other change is a new file with the next number.
"""

from __future__ import annotations

from pathlib import Path

from ...models.errors import StapesError

FOLDER = Path(__file__).parent


def schema_names() -> list[str]:
    """What an answer may have as its `schema`, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def schema_text(name: str) -> str:
    """The text of a JSON Schema (draft 2020-12); raises StapesError for a name that none has.

    >>> schema_text("stapes-doctor-1").splitlines()[2]
    '  "title": "stapes-doctor-1",'
    """
    names = schema_names()
    if name not in names:
        raise StapesError(f"schema {name!r}: unknown; choose from {', '.join(names)}")
    return (FOLDER / f"{name}.json").read_text("utf-8")
