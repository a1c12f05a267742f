"""The report in a browser: it loads without a word on the console, sorts, filters, plays, and a blind test comes to its end."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from stapes.tools.evaluation.page import write_page
from stapes.tools.evaluation.run import Evaluation, Sound

from tests import machine

NAMES = ("noisy", "wiener", "float", "integer")
COUNT = 10_000
HEARD = ("clip-00001", "clip-00002", "clip-00003")
HOSTILE = "<img src=x onerror=\"document.body.className='taken'\"> & 'rain'"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Ten thousand recordings, of which three are heard."""
    random = np.random.default_rng(0)
    noisy = np.round(random.uniform(1.0, 3.0, COUNT), 6)
    gain = np.round(random.normal(0.3, 0.2, COUNT), 6)
    files = []
    for place in range(COUNT):
        values = dict(zip(NAMES, [noisy[place], *(noisy[place] + gain[place] * k for k in (0.5, 1, 1))], strict=True))
        files.append(
            {
                "name": f"{HOSTILE} {place}" if place % 1000 == 0 else f"clip-{place:05}",
                "seconds": 4.0,
                "snr_db": float(place % 5 * 5 - 5),
                "noise": HOSTILE if place % 7 == 0 else f"noise {place % 40}",
                "level_dbfs": -20.0 - place % 30,
                "systems": {s: {"pesq_wb": float(v), "stoi": float(v) / 5} for s, v in values.items()},
                "output_snr_db": 40.0,
                "unmeasured": {},
            }
        )
    tone = np.sin(np.arange(8000) * 0.1).astype(np.float32) / 10
    sound = Sound(tone, {system: tone * np.float32(0.9) for system in NAMES})
    result = Evaluation(files, NAMES, ("pesq_wb", "stoi"), 16_000, 40.0, sound=lambda place: sound)
    bundle = SimpleNamespace(name=HOSTILE, hash="01" * 32, recipe=SimpleNamespace(name="w8a8"), fitting=None)
    folder = tmp_path_factory.mktemp("report")
    made = {}
    for name in ("page.html", "folder"):
        made[name] = write_page(folder / name, bundle, folder, "native", result, examples=HEARD)
    return made, gain


def test_a_report_of_ten_thousand_recordings_is_a_file_that_can_be_sent(report):
    made, _ = report
    assert made["page.html"].stat().st_size < 6_000_000


@pytest.fixture(scope="module")
def browser():
    machine.require("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=machine.chromium(), args=machine.CHROMIUM_OPTIONS)
        yield opened
        opened.close()


@pytest.fixture(params=["page.html", "folder"])
def tab(browser, report, request):
    """The report, opened; whatever it says on the console fails the test."""
    context = browser.new_context(offline=True, accept_downloads=True)
    tab, said = context.new_page(), []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda asked: asked.url.startswith(("file:", "data:", "blob:")) or said.append(asked.url))
    tab.goto(report[0][request.param].as_uri())
    tab.wait_for_selector("html[data-ready]")
    yield tab
    assert said == []
    assert tab.locator("body.taken").count() == 0
    context.close()


def texts(tab, selector):
    return [" ".join(text.split()) for text in tab.locator(selector).all_inner_texts()]


def soon(tab, shown):
    """Wait until the page shows what was asked for: it draws after the key."""
    for _ in range(400):
        if shown():
            return
        tab.wait_for_timeout(50)
    raise AssertionError(shown())


def test_the_table_sorts_and_filters_by_keys_and_words_stay_words(tab, report):
    gain = np.round(report[1], 3)
    worst, best = int(np.argmin(report[1])), int(np.argmax(report[1]))
    heads = texts(tab, "#recordings thead th")
    place = heads.index("PESQ integer − noisy")
    cells = f"#recordings tbody tr td:nth-child({place + 1})"
    soon(tab, lambda: float(texts(tab, cells)[0]) == gain[worst])
    # Two presses of a key: down, and up again.
    tab.locator("#recordings thead th").nth(place).locator("[role=button]").focus()
    tab.keyboard.press("Enter")
    soon(tab, lambda: float(texts(tab, cells)[0]) == gain[best])
    tab.locator("#metric").select_option("stoi")
    soon(tab, lambda: "STOI integer − noisy" in texts(tab, "#recordings thead th"))
    assert "PESQ noisy" not in texts(tab, "#recordings thead th")
    tab.get_by_role("searchbox").fill("3000")
    soon(tab, lambda: f"{HOSTILE} 3000" in texts(tab, "#recordings tbody tr td:first-child"))
    tab.get_by_role("searchbox").fill("")
    tab.get_by_role("button", name="Add Condition").click()
    tab.locator(".dtsb-data").select_option(label="noise")
    tab.locator(".dtsb-condition").select_option(label="Equals")
    tab.locator(".dtsb-value").first.select_option(label=HOSTILE)
    soon(tab, lambda: "of 1,429 entries" in tab.locator("#recordings_info").inner_text())
    assert tab.locator("img[src=x]").count() == 0


def test_the_sound_plays(tab):
    player = tab.locator("section.example audio").first
    length = player.evaluate(
        "async (a) => { await a.play(); while (!a.currentTime) await new Promise(requestAnimationFrame); return a.duration; }"
    )
    assert length == pytest.approx(0.5)
    assert tab.locator("section.example").count() == 3


def hear(tab, keys):
    for key in keys:
        tab.keyboard.press(key)
        tab.wait_for_selector("#trial button.playing.heard")


def saved(tab):
    with tab.expect_download() as download:
        tab.keyboard.press("s")
    return json.loads(download.value.path().read_text("utf-8")), download.value.suggested_filename


def test_a_blind_test_is_done_with_keys_alone_and_its_answers_are_a_file(tab):
    tab.locator("#abx [name=count]").fill("3")
    tab.locator("#abx [name=listener]").fill("Ada")
    tab.keyboard.press("Enter")
    for _ in range(3):
        assert tab.locator("#report").is_hidden()
        # Nothing on the screen tells what is played.
        assert not any(name in tab.locator("#trial").inner_html() for name in (*NAMES, "clip-"))
        tab.keyboard.press("1")
        hear(tab, "abx")
        tab.keyboard.press("1")
    assert "of 3 right" in tab.locator("#trial").inner_text()
    result, name = saved(tab)
    assert (name, result["kind"], result["listener"], result["count"]) == ("abx-result.json", "abx", "Ada", 3)
    assert all(trial["answer"] == trial["a"] for trial in result["trials"])
    assert result["right"] == sum(trial["x"] == trial["a"] for trial in result["trials"])
    assert result["about"]["bundle"] == "01" * 32
    tab.keyboard.press("Escape")
    assert tab.locator("#report").is_visible()


def test_a_rating_is_done_with_keys_and_holds_every_score(tab):
    tab.locator("#rating [name=listener]").focus()
    tab.keyboard.press("Enter")
    for _ in range(3):
        tab.locator("#trial input[type=range]").first.focus()
        tab.keyboard.press("End")
        hear(tab, "012345")
        tab.keyboard.press("Enter")
    result, name = saved(tab)
    assert (name, result["kind"]) == ("rating-result.json", "rating")
    assert [[rating["score"] for rating in trial["ratings"]] for trial in result["trials"]] == 3 * [
        [100, 50, 50, 50, 50]
    ]
    assert {rating["system"] for rating in result["trials"][0]["ratings"]} == {"clean", *NAMES}
    assert len({trial["recording"] for trial in result["trials"]}) == 3
