"""Words choose metrics, and a metric whose package is missing says so in one line."""

import sys

import pytest
from stapes.models.errors import StapesError
from stapes.tools.evaluation.choice import chosen_metrics
from stapes.tools.metrics import COMPOSITE, LABELS, METRICS


def test_the_fast_ones_are_those_that_need_no_further_package():
    assert chosen_metrics("fast") == (tuple(METRICS), {})
    assert chosen_metrics("si_sdr, PESQ")[0] == ("pesq_wb", "si_sdr")


@pytest.fixture
def bare(monkeypatch):
    """An installation without the optional packages."""
    for name in ("speechmos", "clarity", "clarity.enhancer.nalr"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("word", "package"), [("dnsmos", "speechmos"), ("haspi_moderate", "pyclarity"), ("hasqi", "pyclarity")]
)
def test_a_metric_asked_for_by_name_needs_its_package(word, package):
    with pytest.raises(StapesError, match=rf"needs? the package {package}.*pip install 'stapes\[metrics\]'"):
        chosen_metrics(f"fast,{word}")


@pytest.mark.usefixtures("bare")
def test_all_takes_what_is_there_and_says_what_is_not():
    names, missing = chosen_metrics("all")
    assert names == (*METRICS, *COMPOSITE)
    assert set(missing) == {"dnsmos", "haspi", "hasqi"}


@pytest.mark.parametrize("words", ["", " , ", "mos"])
def test_no_metric_and_an_unknown_one_are_refused_with_the_choice(words):
    with pytest.raises(StapesError, match="choose from all, fast, pesq, composite, dnsmos, haspi, hasqi, pesq_wb"):
        chosen_metrics(words)


def test_every_metric_has_its_words():
    assert chosen_metrics("fast")[0] == tuple(LABELS)[: len(METRICS)]
