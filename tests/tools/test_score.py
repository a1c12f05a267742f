"""`python -m stapes.tools.training.score`: a checkpoint on fixed pairs, and against another one pair by pair."""

import json

import pytest
from stapes.models import checkpoint
from stapes.tools.training.score import score

from tests.helpers import OWN_CONFIG, random_network
from tests.models.gtcrn.networks import random_gtcrn
from tests.tools.test_training import corpus  # noqa: F401  (a fixture)


@pytest.fixture
def files(tmp_path):
    """A GRU mask and two GTCRNs."""
    mask = random_network(OWN_CONFIG)
    checkpoint.save(tmp_path / "mask.pt", mask, mask.config.sound_path())
    for seed in (0, 1):
        checkpoint.save_gtcrn(tmp_path / f"gtcrn{seed}.pt", random_gtcrn(seed), 7)
    return tmp_path


def scored(capsys, model, corpus, against=None, level=0.0, as_json=True):  # noqa: F811
    score(model, corpus, against, "test", 2, 2.0, None, level, 1, as_json)
    return json.loads(capsys.readouterr().out) if as_json else capsys.readouterr().out


def test_network_compared_with_itself_gains_nothing(files, corpus, capsys):  # noqa: F811
    result = scored(capsys, files / "gtcrn0.pt", corpus, files / "gtcrn0.pt")
    assert list(result["means"]) == ["noisy", "network", "against"]
    assert [gain["mean"] for gain in result["paired"]] == [0.0] * 4


def test_difference_is_the_mean_over_pairs(files, corpus, capsys):  # noqa: F811
    result = scored(capsys, files / "gtcrn0.pt", corpus, files / "gtcrn1.pt")
    for gain in result["paired"]:
        network, against = (result["means"][name][gain["metric"]]["mean"] for name in ("network", "against"))
        assert gain["mean"] == pytest.approx(network - against, abs=2e-6)
        assert gain["files"] == 2


def test_wiener_filter_stands_beside_a_mask_and_levels_matter(files, corpus, capsys):  # noqa: F811
    whole = scored(capsys, files / "mask.pt", corpus)["means"]
    soft = scored(capsys, files / "mask.pt", corpus, level=-40.0)["means"]
    assert list(whole) == ["noisy", "Wiener", "network"]
    assert whole["noisy"] == soft["noisy"]
    assert whole["network"] != soft["network"]
    assert "SI-SDR" in scored(capsys, files / "mask.pt", corpus, as_json=False)
