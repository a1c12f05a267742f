"""One escaping for all files that are written: plain text is harmless without being asked, code has to say so."""

from pathlib import Path

import pytest
from stapes.export.template import Code, Templates

EVIL = 'a*/\nint planted = 1;\n/*"; \\\n??/ $(shell touch x) ${X} --> </script> ]]> é \x1b \x00 \u202e \ue000'


def rendered(tmp_path: Path, name: str, template: str, **values: object) -> str:
    (tmp_path / f"{name}.j2").write_text(template)
    return Templates(tmp_path).render(f"{name}.j2", values)


def test_text_stays_inside_a_comment_and_a_string_of_c(tmp_path):
    text = rendered(tmp_path, "a.c", '/* {{ x }} */\nchar t[] = "{{ x }}";\n// {{ x }}\n', x=EVIL)
    assert text.count("\n") == 3
    assert text.count("*/") == text.count("/*") == 1
    assert text.count('"') == 2
    assert "??/" not in text
    assert text.isascii()


def test_text_that_is_no_word_is_refused_where_code_belongs(tmp_path):
    for name in ("a.c", "a.h", "a.ino", "Makefile", "CMakeLists.txt", "a.yml", "Kconfig", "a.conf"):
        assert rendered(tmp_path, name, "{{ x }}", x="gru_mask") == "gru_mask"
        with pytest.raises(ValueError, match="where code belongs"):
            rendered(tmp_path, name, "{{ x }}", x="a; b")
    assert rendered(tmp_path, "a.c", "{{ x }}", x=Code("a; b")) == "a; b"


def test_code_joined_with_text_is_text_again(tmp_path):
    with pytest.raises(ValueError, match="where code belongs"):
        rendered(tmp_path, "a.c", "{{ x }}", x=Code("int ") + "a; b")


def test_macros_and_blocks_of_a_template_are_not_escaped_twice(tmp_path):
    template = "{% macro m(x) %}/* {{ x }} */ f(){% endmacro %}{% set b %}g(){% endset %}{{ m(x) }}; {{ b }};"
    assert rendered(tmp_path, "a.c", template, x="a*/b") == "/* a*\\057b */ f(); g();"


def test_a_file_of_an_unknown_language_is_not_written(tmp_path):
    with pytest.raises(KeyError):
        rendered(tmp_path, "a.xyz", "{{ x }}", x="a")
