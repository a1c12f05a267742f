"""The logic of the blind tests, in the JavaScript that comes with playwright: no browser is needed."""

import json
import subprocess
from math import comb
from pathlib import Path

import pytest
from stapes.tools import evaluation

LOGIC = Path(evaluation.__file__).with_name("blind.js").read_text("utf-8")
ASKED = """
const print = {};
const random = randomFrom(7);
print.abx = abxTrials([0, 1, 2], ["float", "integer"], 300, random);
print.again = abxTrials([0, 1, 2], ["float", "integer"], 300, randomFrom(7));
print.other = abxTrials([0, 1, 2], ["float", "integer"], 300, randomFrom(8));
print.rating = ratingTrials([0, 1, 2], ["noisy", "integer"], "clean", random);
print.guessed = [[0, 1], [8, 8], [7, 8], [60, 100]].map(([right, count]) => guessed(right, count));
const few = print.abx.slice(0, 4);
print.result = abxResult(few, few.map((trial, place) => (place ? trial.x : "neither")));
print.rated = ratingResult(print.rating, print.rating.map((trial) => trial.stimuli.map((system) => system.length)));
console.log(JSON.stringify(print));
"""


@pytest.fixture(scope="module")
def found():
    driver = pytest.importorskip("playwright._impl._driver", reason="playwright is not installed")
    node, _ = driver.compute_driver_executable()
    done = subprocess.run([node, "-"], input=LOGIC + ASKED, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_trials_are_drawn_and_come_again_from_their_seed(found):
    trials = found["abx"]
    assert found["again"] == trials != found["other"]
    assert all({trial["a"], trial["b"]} == {"float", "integer"} and trial["x"] in trial.values() for trial in trials)
    # Each recording as often as any other, and no side or system is preferred: 5 standard deviations of 300 throws of a coin.
    assert [sum(trial["recording"] == place for trial in trials) for place in range(3)] == [100, 100, 100]
    for drawn in ([t["a"] == "float" for t in trials], [t["x"] == t["a"] for t in trials]):
        assert 150 - 43 < sum(drawn) < 150 + 43


def test_every_recording_is_rated_once_with_the_reference_hidden(found):
    assert sorted(trial["recording"] for trial in found["rating"]) == [0, 1, 2]
    assert all(sorted(trial["stimuli"]) == ["clean", "integer", "noisy"] for trial in found["rating"])


def test_what_the_answers_say(found):
    expected = [sum(comb(n, k) for k in range(right, n + 1)) / 2**n for right, n in [(0, 1), (8, 8), (7, 8), (60, 100)]]
    assert found["guessed"] == pytest.approx(expected, rel=1e-9)
    assert (found["result"]["right"], found["result"]["count"], found["result"]["p"]) == (3, 4, 5 / 16)
    assert [trial["right"] for trial in found["result"]["trials"]] == [False, True, True, True]
    assert found["rated"]["means"] == [
        {"system": "integer", "mean": 7, "standard_error": 0},
        *(
            {"system": system, "mean": 5, "standard_error": 0}
            for system in sorted(("noisy", "clean"), key=_first(found))
        ),
    ]


def _first(found):
    """Systems of equal means stand in the order in which they were heard first."""
    return found["rating"][0]["stimuli"].index
