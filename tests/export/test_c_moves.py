"""Chains of operators that only move values are one copy, with the integers of the operators one by one."""

import numpy as np
import pytest
from stapes.export.c.program import build_program
from stapes.quantize.graph import Graph, Operator

from tests.export.operator_cases import Cases
from tests.export.programs import CNetwork
from tests.export.test_c_regions import assert_same_frames

SAME = (0.01, 0)


def mover(c: Cases, kind: str, operands, y: str, shape, constants=(), **options) -> str:
    names = [c.shape_constant(f"{y}/{i}", values) for i, values in enumerate(constants)]
    c.tensor(y, shape, "int16", *SAME)
    c.operators.append(Operator(kind, f"make {y}", (*operands, *names), (y,), options))
    return y


def shuffle() -> Cases:
    """The halves of two tensors take turns, and the first half of that is taken: GTCRN's shuffle."""
    c = Cases(np.random.default_rng(0))
    a, b = c.input("a", (33, 8), "int16", *SAME), c.input("b", (33, 16), "int16", *SAME)
    upper = mover(c, "STRIDED_SLICE", [b], "upper", (33, 8), [[0, 8], [33, 16], [1, 1]])
    halves = mover(c, "CONCATENATION", [a, upper], "halves", (33, 16), axis=1)
    pairs = mover(c, "RESHAPE", [halves], "pairs", (33, 2, 8), [[33, 2, 8]])
    turned = mover(c, "TRANSPOSE", [pairs], "turned", (33, 8, 2), [[0, 2, 1]])
    flat = mover(c, "RESHAPE", [turned], "flat", (33, 16), [[33, 16]])
    c.outputs.append(mover(c, "STRIDED_SLICE", [flat], "y", (33, 8), [[0, 0], [33, 8], [1, 1]]))
    return c


def neighbours() -> Cases:
    """Each position with the ones beside it, and zeros beyond the ends."""
    c = Cases(np.random.default_rng(0))
    x = c.input("x", (3, 9), "int16", *SAME)
    turned = mover(c, "TRANSPOSE", [x], "turned", (9, 3), [[1, 0]])
    padded = mover(c, "PAD", [turned], "padded", (11, 3), [[[1, 1], [0, 0]]])
    parts = [mover(c, "STRIDED_SLICE", [padded], f"part{i}", (9, 3), [[i, 0], [i + 9, 3], [1, 1]]) for i in range(3)]
    c.outputs.append(mover(c, "CONCATENATION", parts, "y", (9, 9), axis=1))
    return c


def crossed() -> Cases:
    """30 columns, each from its own place: too many boxes for all, few enough for each ten."""
    c = Cases(np.random.default_rng(0))
    x = c.input("x", (4, 30), "int16", *SAME)
    order = np.random.default_rng(0).permutation(30)
    parts = [mover(c, "STRIDED_SLICE", [x], f"part{i}", (4, 1), [[0, i], [4, i + 1], [1, 1]]) for i in order]
    tens = [mover(c, "CONCATENATION", parts[n : n + 10], f"ten{n}", (4, 10), axis=1) for n in (0, 10, 20)]
    c.outputs.append(mover(c, "CONCATENATION", tens, "y", (4, 30), axis=1))
    return c


def seen_in_between() -> Cases:
    """What stands in between is an output too."""
    c = shuffle()
    c.outputs.append("halves")
    return c


def calls(graph: Graph) -> list[str]:
    lines = [line for paragraph in build_program(graph, "net").paragraphs for line in paragraph.lines]
    return [line.split("(")[0].strip() for line in lines]


@pytest.mark.parametrize(("cases", "copies"), [(shuffle, 2), (neighbours, 3), (crossed, 17), (seen_in_between, 3)])
def test_a_chain_is_a_copy_from_where_its_values_are(cases, copies, tmp_path):
    graph = cases().graph()
    assert calls(graph).count("stapes_copy_s16") == copies
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def test_padding_is_filled_where_it_lies(tmp_path):
    graph = neighbours().graph()
    assert calls(graph).count("stapes_fill_s16") == 2
    lines = [line for paragraph in build_program(graph, "net").paragraphs for line in paragraph.lines]
    assert any("stapes_fill_s16(0, 3, y + 78)" in line for line in lines)
