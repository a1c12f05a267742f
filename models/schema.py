"""What a file says against what it may say: JSON and TOML, read strictly and checked by pydantic against a dataclass.

A schema is a frozen dataclass of the standard library with `__pydantic_config__ = STRICT`; limits are `Annotated` types. pydantic is
imported when the first document is checked, as it loads slowly.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args, get_type_hints

from .errors import StapesError
from .text import first_line

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter

STRICT: ConfigDict = {"strict": True, "extra": "forbid", "allow_inf_nan": False}
# The same for documents to which later versions may add.
STRICT_OPEN: ConfigDict = {"strict": True, "extra": "ignore", "allow_inf_nan": False}

# More than any document of this project holds; a reader of hostile text needs time and memory in proportion, or worse.
MOST_BYTES = 16 << 20
MOST_TOML_BYTES = 1 << 20
# A key with thousands of dots takes tomllib minutes.
MOST_DOTS = 200
# A decimal number that stands by itself, as in a long array: its dot is none of a key.
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")

T = TypeVar("T")

_WORDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "none_required": "left out",
    "too_short": "a list that is not empty",
}
_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def parse_json(data: bytes | str, label: str, remedy: str) -> Any:
    """The value of a JSON text; raises StapesError `label: not JSON (why); remedy` for one that is not plain JSON.

    Refused besides: a key twice in one object, NaN and infinity, text that is not UTF-8, nesting beyond Python's.
    """
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES >> 20} MB")
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise StapesError(f"{label}: not JSON (nested too deeply); {remedy}") from None
    except ValueError as error:
        raise StapesError(f"{label}: not JSON ({_reason(error)}); {remedy}") from None


def read_toml(path: str | Path, remedy: str) -> dict[str, Any]:
    """The document of a TOML file; raises StapesError, which names the file, when it cannot be read or is not TOML."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_TOML_BYTES + 1)
        if len(data) > MOST_TOML_BYTES:
            raise ValueError(f"more than {MOST_TOML_BYTES >> 20} MB")
        text = data.decode("utf-8")
        if any(_NUMBER.sub("0", line).count(".") > MOST_DOTS for line in text.splitlines()):
            raise RecursionError
        return tomllib.loads(text)
    except OSError as error:
        raise StapesError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except RecursionError:
        raise StapesError(f"{path}: not TOML (nested too deeply); {remedy}") from None
    except ValueError as error:
        raise StapesError(f"{path}: not TOML ({_reason(error)}); {remedy}") from None


def validated(schema: type[T], document: object, label: str, remedy: str) -> T:
    """A document of plain values as an instance of `schema`, whose absent fields take their defaults.

    Raises StapesError in one line, `label: key is value; it must be ...; remedy`, for the first fault. What the schema's own
    `__post_init__` refuses is told with the label in front.
    """
    from pydantic import ValidationError

    try:
        text = json.dumps(document, default=_no_plain_value)
        known: Any = schema
        result: T = _adapter(known).validate_json(text, strict=True)
        return result
    except ValidationError as error:
        fault = dict(error.errors(include_url=False)[0])
        # The text is JSON that was written here; what reads it goes some 200 levels deep.
        told = "nested too deeply" if fault["type"] == "json_invalid" else _fault(schema, fault, label)
        raise StapesError(f"{label}: {told}; {remedy}") from None
    except StapesError as error:
        raise StapesError(f"{label}: {error}") from None
    except RecursionError:
        raise StapesError(f"{label}: nested too deeply; {remedy}") from None
    except (TypeError, ValueError) as error:
        raise StapesError(f"{label}: holds what is no plain value ({_reason(error)}); {remedy}") from None


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(schema)


def _reason(error: ValueError | TypeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is no UTF-8"
    return first_line(error, 120)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no finite number")


def _no_plain_value(value: object) -> NoReturn:
    raise TypeError(f"a {type(value).__name__}")


def _fault(schema: type, error: Mapping[str, Any], label: str) -> str:
    """One error of pydantic in the words of a user: the key by its path, what it is, what it may be."""
    kind, place = error["type"], tuple(error["loc"])
    where = _path(place)
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        owner = _path(place[:-1])
        known = ", ".join(_fields_at(schema, place[:-1]))
        return f"unknown key {str(place[-1])!r}{f' in {owner}' if owner else ''}; known are {known}"
    if kind in ("missing", "missing_argument"):
        return f"{where} is missing"
    context = error.get("ctx", {})
    if kind == "literal_error":
        words = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return f"{where} is {_shown(error['input'])}; it may be {words}"
    if kind == "too_long":
        return (
            f"{where} is {_shown(error['input'])} of {context['actual_length']}; it must be of {context['max_length']}"
        )
    if kind in _LIMITS:
        key, sign = _LIMITS[kind]
        return f"{where} is {_shown(error['input'])}; it must be {sign} {context[key]:g}"
    words = _WORDS.get(kind, "") or str(error["msg"]).removeprefix("Input should be ").lower()
    if words == "a list" and isinstance(error["input"], Mapping) and label.endswith(".toml"):
        words += f" of tables, each below [[{where}]]"
    return f"{where or 'the document'} is {_shown(error['input'])}; it must be {words}"


def _path(place: tuple[int | str, ...]) -> str:
    """Keys joined by dots, items of lists by their number.

    >>> _path(("tensor", 0, "match")), _path(())
    ('tensor[0].match', '')
    """
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)[:200].removeprefix(".")


def _shown(value: object) -> str:
    """A value short enough for one line.

    >>> _shown("a\\nb"), _shown({"a": 1}), _shown([1, 2])
    ("'a\\\\nb'", 'a table', 'a list')
    """
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields_at(schema: Any, place: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the dataclass that stands at a place of the schema."""
    for key in place:
        if isinstance(key, str) and dataclasses.is_dataclass(schema):
            schema = get_type_hints(schema)[key]
        while not dataclasses.is_dataclass(schema) and get_args(schema):
            inner = [kind for kind in get_args(schema) if dataclasses.is_dataclass(kind) or get_args(kind)]
            schema = inner[0] if inner else str
    return [field.name for field in dataclasses.fields(schema)] if dataclasses.is_dataclass(schema) else []
