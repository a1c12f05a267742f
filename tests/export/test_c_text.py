"""The examples in the docstrings of the C exporter, and texts that would break C."""

import doctest
import importlib
import pkgutil

import pytest

import export.c
from export.c.text import comment, integer, is_identifier, string
from export.c.text import identifier as c_identifier

MODULES = [f"export.c.{module.name}" for module in pkgutil.iter_modules(export.c.__path__)]


@pytest.mark.parametrize("name", [*MODULES, "export.memory"])
def test_the_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_most_of_the_text_has_examples():
    module = importlib.import_module("export.c.text")
    assert doctest.testmod(module).attempted >= 10


@pytest.mark.parametrize("text", ["", "/", "123", "int", "h\u00e9llo", "a" * 300, "x::y", "__", "new"])
def test_any_tensor_name_becomes_an_identifier(text):
    assert is_identifier(c_identifier(text))


def test_text_cannot_leave_a_comment_or_a_string():
    assert "*/" not in comment("a */ b")
    assert "/*" not in comment("a /* b")
    assert string('a"b\\c\nd?é') == r'"a\"b\\c\nd\?\\xe9"'


def test_the_smallest_integers_are_written_without_overflow():
    assert integer(-(2**31)) == "INT32_MIN"
    assert integer(-(2**63), "int64") == "INT64_MIN"
