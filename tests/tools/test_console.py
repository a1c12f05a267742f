"""What a file is called, or says, does not steer the terminal that shows it."""

import io

import pytest
from rich.table import Table
from rich.text import Text
from stapes.models.text import printable
from stapes.tools.console import PlainConsole

EVIL = "\x1b[2J\x1b]0;x\x07[red]a[/red] :smile: \u202eb\u2066\u200f\u2028c\x9b1m\nstapes: error: no\r\x00\ud800"


def shown(thing: object) -> str:
    stream = io.StringIO()
    PlainConsole(file=stream, force_terminal=True, width=400, color_system="truecolor").print(thing)
    return stream.getvalue()


def table() -> Table:
    made = Table(EVIL, title=EVIL, caption=EVIL)
    made.add_row(EVIL, end_section=True)
    return made


@pytest.mark.parametrize("thing", [EVIL, table()], ids=["line", "table"])
def test_a_hostile_name_is_shown_as_text(thing):
    text = shown(thing)
    for style in ("\x1b[1m", "\x1b[2m", "\x1b[3m", "\x1b[2;3m", "\x1b[0m"):  # those of the table itself
        text = text.replace(style, "")
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert "[red]a[/red] :smile: (U+202E)b" in text
    assert not any(line.startswith("stapes:") for line in text.splitlines())


def test_a_very_long_word_is_cut_in_the_middle():
    text = shown(f"begin {'a' * 5000}z: end")
    assert text.startswith("begin aaa")
    assert text.rstrip().endswith("z: end")
    assert "a...a" in text
    assert len(text) < 230


def test_a_styled_text_keeps_its_style():
    assert "\x1b[31m" in shown(Text("a", style="red"))


def test_text_that_can_be_printed_stays_as_it_is():
    assert printable("größe 中文 [x] / : 😀") == "größe 中文 [x] / : 😀"


def test_an_error_about_a_hostile_file_is_one_harmless_line(stapes, tmp_path):
    path = tmp_path / EVIL.replace("/", "_").replace("\x00", "").replace("\ud800", "\udcff")
    error = stapes("inspect", path).error
    assert error.isprintable()
    assert "(U+001B)" in error
    error = stapes("quantize", path, "-o", tmp_path / "out").error
    assert error.isprintable()
