"""The report stands alone: tables, pictures and sound in one file or folder, the same bytes each time, nothing from elsewhere."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from stapes.models.errors import StapesError
from stapes.models.sound_files import float_to_q15
from stapes.models.text import printable
from stapes.tools.evaluation.page import MOST_PLAYERS, PAGE, choose_examples, write_page
from stapes.tools.evaluation.run import Evaluation, Sound

from tests.helpers import speech_like

BUNDLE = SimpleNamespace(name="mask", hash="0123456789abcdef" * 4, recipe=SimpleNamespace(name="w8a8"), fitting=None)
NAMES = ("noisy", "wiener", "float", "integer", "rnnoise")
GAINS = {"a": 0.5, "b": -0.25, "c": 0.125, "d": 0.25, "<e>": 0.0625}


# Each would be more than a name, in the text, in an attribute, in a comment, in a template, in the label of a picture.
HOSTILE = (
    '"><script>alert(1)</script>',
    "</style></table><img src=x onerror=alert(1)>",
    "'--><!-- ]]>",
    "{{ 7 * 7 }} {% raw %} $\\frac{$ $x^2$ %s",
    "&lt;b&gt; \x1b[2J\u202e\n<!doctype html>",
)


@pytest.fixture(scope="module")
def result():
    """Five recordings whose PESQ the integers change by GAINS; the last says a name that HTML must not swallow."""
    return evaluation(GAINS, ("hum", "rain & wind"))


def evaluation(gains, noises):
    clean = speech_like(1.0).astype(np.float32)
    files, sounds = [], []
    for place, (name, gain) in enumerate(gains.items()):
        noisy = clean + 0.01 * np.random.default_rng(place).standard_normal(len(clean)).astype(np.float32)
        values = dict.fromkeys(NAMES, 1.5) | {"integer": 1.5 + gain, "float": 1.5 + gain}
        sounds.append(Sound(clean, {system: noisy * np.float32(0.9) for system in NAMES}))
        files.append(
            {
                "name": name,
                "seconds": 1.0,
                "snr_db": 5.0 * (place % 2),
                "noise": noises[place % 2],
                "level_dbfs": -20.0 - 7.0 * (place % 2),
                "systems": {s: {"pesq_wb": v, "si_sdr": None} for s, v in values.items()},
                "output_snr_db": 50.0,
                "unmeasured": {},
            }
        )
    return Evaluation(files, NAMES, ("pesq_wb", "si_sdr"), 16_000, 50.0, sound=sounds.__getitem__)


def write(target, result, **more):
    return write_page(target, BUNDLE, target.parent.relative_to(target.parent), "native", result, **more)


def test_best_median_and_worst_are_taken_by_themselves(result):
    assert [result.files[place]["name"] for place in choose_examples(result)] == ["a", "d", "c", "<e>", "b"]
    three = evaluation({name: GAINS[name] for name in "abc"}, ("hum", "rain"))
    assert [three.files[place]["name"] for place in choose_examples(three)] == ["a", "c", "b"]
    assert list(choose_examples(result, ["d"])) == [3]


def test_a_file_holds_everything_and_comes_out_the_same_twice(result, tmp_path):
    pages = [write(tmp_path / name, result, examples=["a", "<e>"]) for name in ("one.html", "two.html")]
    text = pages[0].read_text("utf-8")
    assert text == pages[1].read_text("utf-8")
    sources = re.findall(r'src="([^"]*)"', text)
    assert all(source.startswith("data:") for source in sources)
    assert text.count("<audio") == 2 * (len(NAMES) + 1) <= MOST_PLAYERS
    assert "http" not in re.sub(r'base64,[^"]*', "", text).replace("http-equiv", "")
    assert "&lt;e&gt;" in text
    assert "rain &amp; wind" in text
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one.html", "two.html"]


def test_the_sound_is_the_output_itself(result, tmp_path):
    text = write(tmp_path / "page.html", result, examples=["a"]).read_text("utf-8")
    flacs = re.findall(r"data:audio/flac;base64,([^\"]*)", text)
    clean, noisy = (soundfile.read(io.BytesIO(base64.b64decode(flac)), dtype="int16") for flac in flacs[:2])
    assert clean[1] == 16_000
    np.testing.assert_array_equal(clean[0], float_to_q15(result.sound(0).clean))
    np.testing.assert_array_equal(noisy[0], float_to_q15(result.sound(0).outputs["noisy"]))


def test_a_folder_has_sound_and_pictures_beside_the_page(result, tmp_path):
    made = write(tmp_path / "report", result, examples=["a"])
    assert made == tmp_path / "report" / PAGE
    sources = re.findall(r'src="([^"]*)"', made.read_text("utf-8"))
    assert {path.name for path in made.parent.iterdir()} == {".stapes", PAGE, *sources}
    assert write(tmp_path / "report", result, examples=["a"]) == made
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(StapesError, match="holds other files"):
        write(tmp_path / "mine", result)


@pytest.mark.parametrize(
    ("names", "words"),
    [(["z"], "--example z: no such recording"), ([f"n{place}" for place in range(11)], "at most 10 fit")],
)
def test_examples_that_are_not_there_or_too_many_are_refused(result, tmp_path, names, words):
    with pytest.raises(StapesError, match=words):
        write(tmp_path / "page.html", result, examples=names)
    assert not (tmp_path / "page.html").exists()


class Reader(HTMLParser):
    """What a browser makes of a page: its tags with the names of their attributes, and the words between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.tags.append((f"/{tag}",))

    def handle_data(self, data):
        self.words.append(data)
        if self.tags[-1][0] == "script" and "type" in self.tags[-1] and data.startswith("{"):
            self.data = json.loads(data)

    def handle_decl(self, decl):
        self.tags.append((decl,))

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


@pytest.mark.parametrize("target", ["page.html", "folder"])
def test_hostile_names_are_words_of_the_page_and_no_part_of_it(target, tmp_path):
    read = []
    for names, folder in ((HOSTILE, "hostile"), ("vwxyz", "plain")):
        bundle = SimpleNamespace(name=names[0], hash=BUNDLE.hash, recipe=SimpleNamespace(name=names[1]), fitting=None)
        made = evaluation(dict(zip(names, GAINS.values(), strict=True)), names[3:])
        (tmp_path / folder).mkdir()
        written = write_page(tmp_path / folder / target, bundle, Path(names[2]), names[4], made, examples=names[:1])
        read.append(Reader(written.read_text("utf-8")))
    hostile, plain = read
    assert hostile.tags == plain.tags
    assert len(hostile.data["rows"]) == len(GAINS)
    text = "".join([*hostile.words, *(row[0] for row in hostile.data["rows"])])
    assert all(printable(name) in text for name in HOSTILE)
    assert text.replace("\n", "").isprintable()
