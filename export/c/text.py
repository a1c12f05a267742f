"""C text from Python values: tiny pure functions, each with an example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..template import Code

C_TYPES = {
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint16": "uint16_t",
}
SUFFIXES = {"int8": "s8", "int16": "s16", "int32": "s32"}

# C99 and C++ keywords, and the names that every generated file uses.
_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    alignas alignof and asm bool catch class concept constexpr decltype delete explicit export false friend mutable
    namespace new noexcept not nullptr operator or private protected public requires template this throw true try
    typeid typename using virtual wchar_t xor int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t
    main memcpy memset memmove NULL size_t ptrdiff_t uintptr_t intptr_t
"""
# Lower-case macros that a firmware's other headers may define before ours are read.
_MACROS = """
    unix linux i386 mips sparc sun vax hpux arm errno stdin stdout stderr complex imaginary assert offsetof noreturn
    thread_local static_assert alignas alignof
"""
_KEYWORDS = frozenset((_WORDS + _MACROS).split())
# No tensor needs more letters to be told apart; MSVC knows 2,047, and lines should be read.
_LONGEST = 200
# Columns of a line of C, as in .clang-format.
WIDTH = 120
_EXPRESSION = re.compile(r"[\w &*+.>\[\]-]*", re.ASCII)


def is_identifier(text: str) -> bool:
    """Whether a text can name something in C and in C++.

    >>> is_identifier("gru_mask"), is_identifier("2gru"), is_identifier("gru-mask"), is_identifier("while")
    (True, False, False, False)
    """
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text, re.ASCII) is not None and text not in _KEYWORDS


def is_keyword(text: str) -> bool:
    """Whether a text is a word of C or C++, which names nothing else."""
    return text in _KEYWORDS


def identifier(text: str) -> str:
    """A C identifier that a reader recognises.

    >>> identifier("/gru/GRU_output_0"), identifier("0.weight"), identifier("h0"), identifier("for")
    ('gru_gru_output_0', 't0_weight', 'h0', 'for_')
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower() or "t"
    if plain[0].isdigit():
        plain = f"t{plain}"
    return f"{plain}_" if plain in _KEYWORDS else plain


def code(text: str) -> Code:
    """C that this tool put together from names: an expression, or the declaration of a parameter. No call, no statement.

    Raises ValueError for anything else, such as the name of a tensor that is none in C.

    >>> code("&ctx->arena[4]"), code("const int16_t *in")
    ('&ctx->arena[4]', 'const int16_t *in')
    """
    if not _EXPRESSION.fullmatch(text):
        raise ValueError(f"{text!r} is no C expression; a name from a file has to go through identifier()")
    return Code(text)


def integer(value: int, dtype: str = "int32") -> str:
    """A C constant; the smallest numbers are written without an overflow.

    >>> integer(-5), integer(-2**31), integer(2**40, "int64")
    ('-5', 'INT32_MIN', 'INT64_C(1099511627776)')
    """
    value = int(value)
    if value == -(2**63):
        return "INT64_MIN"
    if dtype == "int64":
        return f"INT64_C({value})"
    return "INT32_MIN" if value == -(2**31) else str(value)


def values(data: Iterable[int], dtype: str, width: int = 112) -> Code:
    """The inside of an array initialiser, wrapped and indented.

    >>> print(values([1, -2, 3], "int8"))
        1, -2, 3,
    """
    numbers = np.asarray(data).reshape(-1).tolist()
    # Most arrays hold numbers that are written as they are: a tenth of the time of a large network's export.
    plain = dtype != "int64" and min(numbers, default=0) > -(2**31)
    items = list(map(str, numbers)) if plain else [integer(v, dtype) for v in numbers]
    lines = []
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > width:
            lines.append(line)
            line = ""
        line += f" {item}," if line else f"{item},"
    return Code("\n".join(f"    {text}" for text in [*lines, line] if text))


def initialiser(fields: Mapping[str, object], depth: int = 0) -> Code:
    """A struct initialiser: integers, booleans, lists, nested mappings; strings are C expressions.

    >>> print(initialiser({"size": 3, "wide": True, "data": "weights", "step": [0, 1], "inner": {"shift": -1}}))
    {
        .size = 3,
        .wide = true,
        .data = weights,
        .step = {0, 1},
        .inner = {
            .shift = -1,
        },
    }
    """
    inside = "    " * (depth + 1)
    lines = [f"{inside}.{code(key)} = {_value(value, depth + 1)}," for key, value in fields.items()]
    return Code("\n".join(["{", *lines, "    " * depth + "}"]))


def _value(value: object, depth: int) -> str:
    if isinstance(value, Mapping):
        return initialiser(value, depth)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return code(value)
    if isinstance(value, list | tuple):
        return "{" + ", ".join(_value(item, depth) for item in value) + "}"
    assert isinstance(value, int | np.integer), type(value)
    return integer(int(value))


def shape(dimensions: Iterable[int]) -> str:
    """A shape as a reader writes it.

    >>> shape((1, 65)), shape(())
    ('1 x 65', 'scalar')
    """
    return " x ".join(str(n) for n in dimensions) or "scalar"


def listed(head: str, items: Iterable[str], tail: str, width: int = WIDTH) -> Code:
    """`head(items)tail`, continued under the first item; an item is never broken. Head and items are `code`.

    >>> print(listed("    f", ["a", "b"], ";"))
        f(a, b);
    >>> print(listed("int f", ["int a", "int b"], "", width=14))
    int f(int a,
          int b)
    """
    return _filled(f"{code(head)}(", [code(item) for item in items], ",", f"){tail}", width)


def assigned(target: str, function: str, items: Iterable[str], width: int = WIDTH) -> Code:
    """`target = function(items);` as `listed`; an item that is `Code` may be a string.

    >>> print(assigned("    status", "f", ["a", quoted("b")]))
        status = f(a, "b");
    """
    verified = [item if isinstance(item, Code) else code(item) for item in items]
    return _filled(f"{code(target)} = {code(function)}(", verified, ",", ");", width)


def quoted(name: str) -> Code:
    """The name of something in C as a string.

    >>> quoted("mask")
    '"mask"'
    """
    return Code(f'"{code(name)}"')


def condition(function: str, names: Iterable[str], width: int = WIDTH) -> Code:
    """`if` any of the names is what the function makes a condition of; the names are `code`.

    >>> print(condition("{0} == NULL", ["x", "y"]))
        if (x == NULL || y == NULL) {
    >>> print(condition("{0} == NULL", ["x", "y"], width=25))
        if (x == NULL ||
            y == NULL) {
    """
    return _filled("    if (", [function.format(code(name)) for name in names], " ||", ") {", width)


def _filled(head: str, items: Sequence[str], separator: str, tail: str, width: int) -> Code:
    """Items behind a head as clang-format lays them out: as many on a line as there is room for."""
    lines, line = [], head
    for index, item in enumerate(items):
        after = tail if index == len(items) - 1 else separator
        if index and len(line) + 1 + len(item) + len(after) > width:
            lines.append(line)
            line = " " * len(head)
        elif index:
            line += " "
        line += item + (separator if index < len(items) - 1 else "")
    return Code("\n".join([*lines, f"{line}{tail}"]))


class Names:
    """Unique identifiers in one C scope: the first keeps its name, later ones get a number; none has one of `beginnings`.

    >>> names = Names(["ctx"]); names.take("h0"), names.take("h0"), names.take("ctx")
    ('h0', 'h0_2', 'ctx_2')
    """

    def __init__(self, reserved: Iterable[str] = (), beginnings: tuple[str, ...] = ()) -> None:
        self._taken, self._beginnings = set(reserved), beginnings

    def take(self, text: str, suffix: str = "") -> str:
        """The identifier for `text` followed by `suffix`."""
        plain = identifier(text)[:_LONGEST] + suffix
        if plain.startswith(self._beginnings):
            plain = f"t_{plain}"
        name, number = plain, 1
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name)
        return name
