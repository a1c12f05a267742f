"""`stapes schema`: the text of a JSON Schema, or the names of all."""

from __future__ import annotations

from ..schemas import schema_names, schema_text


def schema(name: str | None) -> None:
    """The command, whose options stand in `tools.cli.schema`."""
    print("\n".join(schema_names()) if name is None else schema_text(name).rstrip("\n"))
