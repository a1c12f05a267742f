"""Pruning: the share of zeros that was asked for, in whole blocks, exact to the stored network, through interruptions."""

import json

import numpy as np
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.gru_mask import GruMask, GruMaskConfig
from stapes.tools.training.pruning import Pruner
from stapes.tools.training.recipe import Pruning, load_recipe

from tests.tools.test_training import RECIPE, corpus, recipe, run  # noqa: F401

TABLE = "\n[pruning]\nfraction = 0.75\nblock = [4, 8]\nfirst_step = 1\nlast_step = 7\nevery = 2\n"


def zero_blocks(weights, block):
    """bool (O / rows, I / columns): which blocks of a matrix are all zeros."""
    rows, columns = block
    filled = np.pad(weights.detach().numpy(), [(0, -n % size) for n, size in zip(weights.shape, block, strict=True)])
    return ~filled.reshape(len(filled) // rows, rows, -1, columns).any(axis=(1, 3))


def network():
    torch.manual_seed(0)
    return GruMask(GruMaskConfig(features="log", narrow_dim=16, hidden_dim=24, fc_dim=0))


def test_the_fraction_rises_fast_and_ends_slowly():
    pruner = Pruner(Pruning(fraction=0.5, first_step=100, last_step=300), network())
    assert [pruner.fraction(step) for step in (0, 100, 300, 1000)] == [0.0, 0.0, 0.5, 0.5]
    assert pruner.fraction(150) == pytest.approx(0.5 * (1 - 0.75**3))


def test_the_smallest_blocks_go_and_never_come_back():
    model = network()
    pruner = Pruner(Pruning(fraction=0.5, first_step=0, last_step=10, every=5), model)
    weights = model.gru.weight_hh_l0
    with torch.no_grad():
        weights[:8, :12] *= 1e-3
        weights[4, 5] = 9.0
    pruner.choose(3, model)
    assert pruner.pruned == 0.0
    pruner.choose(5, model)
    pruner.apply(model)
    zeros = zero_blocks(weights, (4, 4))
    assert zeros.sum() == round(0.4375 * zeros.size)
    assert zeros[:2, :3].tolist() == [[True, True, True], [True, False, True]]
    with torch.no_grad():
        weights[:4, :4] = 5.0  # as an optimiser might
    pruner.choose(10, model)
    pruner.apply(model)
    assert zero_blocks(weights, (4, 4))[0, 0]
    assert zero_blocks(weights, (4, 4)).sum() == zeros.size // 2
    assert pruner.pruned == pytest.approx(0.5, abs=0.01)


def test_the_stored_network_has_its_zeros_in_blocks_of_the_named_matrices(recipe, corpus, tmp_path):  # noqa: F811
    for extra in ("", '\n[quantisation]\nimitate = "weights"\n'):
        text = RECIPE.replace("batch = 2", "batch = 2\naverage = 0.9")
        recipe.write_text(text + TABLE + 'matrices = ["gru.*", "narrow.weight"]\n' + extra)
        out = run(recipe, corpus, tmp_path / f"out{len(extra)}")
        for name in ("model.pt", "best.pt"):
            weights = dict(checkpoint.load(out / name)[0].named_parameters())
            for matrix in ("gru.weight_ih_l0", "gru.weight_hh_l1", "narrow.weight"):
                zeros = zero_blocks(weights[matrix], (4, 8))
                # The best network may be that of step 4, when fewer blocks were zeros.
                assert zeros.sum() == round(0.75 * zeros.size) if name == "model.pt" else zeros.any()
            assert not zero_blocks(weights["fc2.weight"], (4, 8)).any()


def test_an_interrupted_pruning_ends_in_the_same_bytes(recipe, corpus, tmp_path):  # noqa: F811
    recipe.write_text(RECIPE + TABLE)
    whole = run(recipe, corpus, tmp_path / "whole")
    for stop in (2, 4, None):
        pieces = run(recipe, corpus, tmp_path / "pieces", stop_after=stop)
    assert (whole / "model.pt").read_bytes() == (pieces / "model.pt").read_bytes()


def test_the_log_tells_the_fraction(recipe, corpus, tmp_path):  # noqa: F811
    recipe.write_text(RECIPE.replace("steps = 8", "steps = 25").replace("every = 4", "every = 25") + TABLE)
    lines = [
        json.loads(line) for line in (run(recipe, corpus, tmp_path / "out") / "log.jsonl").read_text().splitlines()
    ]
    assert [line["pruned"] for line in lines if "pruned" in line] == [pytest.approx(0.75, abs=0.01)]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("fraction = 1.0", "pruning.fraction is 1.0; it must be below 1"),
        ("fraction = 0", "pruning.fraction is 0; it must be above 0"),
        ("block = [4, 6]", "multiples of 4"),
        ("block = [4]", "multiples of 4"),
        ("block = [0, 4]", "multiples of 4"),
        ("first_step = 7\nlast_step = 7", "first_step below last_step"),
        ("last_step = 9", r"at most optimiser.steps \(8\)"),
        ("last_step = 8\nevery = 0", "at least 1"),
        ("keep = 3", "unknown key 'keep' in pruning"),
    ],
)
def test_nonsense_is_refused(recipe, line, word):  # noqa: F811
    recipe.write_text(RECIPE + "\n[pruning]\n" + line + "\n")
    with pytest.raises(StapesError, match=word):
        load_recipe(recipe)


def test_a_name_that_no_matrix_has_is_refused():
    with pytest.raises(StapesError, match=r"no matrix is called 'lstm\.\*'; there are narrow.weight, gru.weight_ih_l0"):
        Pruner(Pruning(matrices=("gru.*", "lstm.*")), network())
