"""The examples in the docstrings of the C exporter, and texts that would break C."""

import doctest
import importlib
import pkgutil

import pytest
import stapes.export.c
from stapes.export.c.text import code, initialiser, integer, is_identifier, listed
from stapes.export.c.text import identifier as c_identifier

MODULES = [f"stapes.export.c.{module.name}" for module in pkgutil.iter_modules(stapes.export.c.__path__)]


@pytest.mark.parametrize("name", [*MODULES, "stapes.export.memory", "stapes.export.template", "stapes.models.text"])
def test_the_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_most_of_the_text_has_examples():
    module = importlib.import_module("stapes.export.c.text")
    assert doctest.testmod(module).attempted >= 10


@pytest.mark.parametrize("text", ["", "/", "123", "int", "h\u00e9llo", "a" * 300, "x::y", "__", "new"])
def test_any_tensor_name_becomes_an_identifier(text):
    assert is_identifier(c_identifier(text))


@pytest.mark.parametrize("text", ["a */", "f(x)", "x; y", 'a"', "a = b", "#define", "/gru/GRU_output_0", "{", "a\nb"])
def test_only_an_expression_is_code(text):
    with pytest.raises(ValueError, match="no C expression"):
        code(text)
    with pytest.raises(ValueError, match="no C expression"):
        listed("f", [text], ";")
    with pytest.raises(ValueError, match="no C expression"):
        initialiser({"size": text})


def test_the_smallest_integers_are_written_without_overflow():
    assert integer(-(2**31)) == "INT32_MIN"
    assert integer(-(2**63), "int64") == "INT64_MIN"
