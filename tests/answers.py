"""What commands print with `--json`, held to the schemas that the package ships."""

from __future__ import annotations

import functools
import json
from typing import Any

# Keywords under which a schema holds others: by name, as a list, or one.
BY_NAME, LISTS, ONE = (
    ("properties", "$defs"),
    ("anyOf", "oneOf", "allOf", "prefixItems"),
    ("items", "additionalProperties"),
)


def answer(text: str, command: str = "") -> dict[str, Any]:
    """The one JSON object that a text is, which has the schema that it names, of `command`, and no key beyond it."""
    document: dict[str, Any] = json.loads(text, parse_constant=_no_json)
    name = document["schema"]
    assert name.startswith(f"stapes-{command}"), name
    _validator(name).validate(document)
    return document


def closed(schema: Any) -> Any:
    """The same schema without keys that it does not name: users may meet new ones, but here each must be written down.

    >>> closed({"properties": {"a": {}}})
    {'properties': {'a': {}}, 'additionalProperties': False}
    """
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    for key, held in schema.items():
        if key in BY_NAME:
            made[key] = {name: closed(part) for name, part in held.items()}
        elif key in LISTS:
            made[key] = [closed(part) for part in held]
        elif key in ONE:
            made[key] = closed(held)
    if "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


@functools.cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator
    from stapes.tools.schemas import schema_text

    return Draft202012Validator(closed(json.loads(schema_text(name))))


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
