"""The C of a large network reads as that of a small one: a function a block, pointers where they are used."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.export.c.blocks import Part, plan_blocks, with_placed_regions
from stapes.export.c.program import build_program
from stapes.quantize.graph import Graph, Operator, Tensor

from tests.compiling import compile_object
from tests.export.programs import STAMP, STRICT
from tests.export.test_c_gtcrn import gtcrn
from tests.machine import require

LONGEST = 60
FUNCTION = re.compile(r"(?:^/\*[^\n]*\*/\n)?^[a-z][^;{}()]*?(\w+)\([^;{}]*\)\n\{\n.*?^\}$", re.MULTILINE | re.DOTALL)
POINTER = re.compile(r"\*const (\w+) = ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("blocks")
    export_c(gtcrn("w8a16")[0], made, name="gtcrn", sound_path=None, stamp=STAMP)
    return made


def functions(text):
    """Name -> the text of each function in a file of C."""
    return {found[1]: found[0] for found in FUNCTION.finditer(text)}


def test_no_function_of_gtcrn_is_longer_than_a_screen(folder):
    found = functions((folder / "gtcrn.c").read_text())
    assert {"run_network", "run_bank", "run_e2", "run_e2_gate", "run_p1", "run_d4", "gtcrn_network"} <= set(found)
    assert max(text.count("\n") + 1 for text in found.values()) <= LONGEST


def test_the_network_is_a_block_diagram(folder):
    lines = functions((folder / "gtcrn.c").read_text())["run_network"].splitlines()
    calls = [line for line in lines if line.startswith("    ")]
    blocks = ["bank", "e0", "e1", "e2", "e3", "e4", "p1", "p2", "d0", "d1", "d2", "d3", "d4", "expand"]
    assert [re.match(r"    (\w+)", line)[1] for line in calls] == ["trace_inputs", *(f"run_{b}" for b in blocks)]
    assert "    run_d0(ctx); /* p2, e4_shuffled -> d0_shuffled */" in calls


def test_pointers_are_declared_where_they_are_used(folder):
    """Each in front of the first call that names it, so that nowhere stands a list of them."""
    for text in functions((folder / "gtcrn.c").read_text()).values():
        pending = []
        for line in text.splitlines():
            if declared := POINTER.search(line):
                pending.append(declared[1])
                assert len(pending) <= 4, text
            elif "stapes_" in line:
                step = text[text.index(line) :].split("TRACE")[0]
                assert all(re.search(rf"\b{name}\b", step) for name in pending), step
                pending = []


def test_regions_are_named_after_their_place(folder):
    names = {region.name for region in with_placed_regions(gtcrn("w8a16")[0]).regions}
    assert {"E2/gru", "E2/energy", "P1/gru_sequence", "P1/intra/ln", "P2/inter/ln", "D2/gru"} <= names
    assert "e2_gru_params" in (folder / "gtcrn.c").read_text()


@pytest.mark.parametrize("trace", [False, True])
def test_it_compiles_without_a_warning(folder, trace, tmp_path):
    require("gcc")
    compile_object(["gcc", *STRICT, *(["-DSTAPES_TRACE"] if trace else [])], folder / "gtcrn.c", tmp_path / "gtcrn.o")


def flat_graph(steps: int, scope: str = "") -> Graph:
    """Rectifiers in a row, whose names say nothing of blocks, or that each ten are one."""
    names = [f"{scope}{at // 10}/t{at}" if scope else f"t{at}" for at in range(steps + 1)]
    tensors = {name: Tensor(name, (8,), "int8", np.float32([0.1])) for name in names}
    pairs = itertools.pairwise(names)
    operators = tuple(Operator("RELU", after, (before,), (after,)) for before, after in pairs)
    return Graph("flat", tensors, operators, (names[0],), (names[-1],))


def test_steps_without_scopes_are_cut_evenly():
    sizes = [len(f.paragraphs) for f in build_program(flat_graph(100), "flat").network[:-1]]
    assert len(sizes) > 3
    assert max(sizes) - min(sizes) <= 2


@pytest.mark.parametrize("scope", ["a*/ int b; /*", "c\n#error\n", "run_network", "while", "stapes_relu_s8"])
def test_scopes_of_other_people_are_only_names(scope, tmp_path):
    graph = flat_graph(60, scope)
    assert len(build_program(graph, "flat").network) > 3
    export_c(graph, tmp_path, name="flat", sound_path=None, stamp=STAMP)
    require("gcc")
    compile_object(["gcc", *STRICT], tmp_path / "flat.c", tmp_path / "flat.o")


def test_a_small_network_is_one_function():
    assert len(build_program(flat_graph(8), "flat").network) == 1


def test_many_blocks_are_called_in_groups():
    parts = [Part((f"b{at}", step), 20, frozenset()) for at in range(100) for step in "xy"]
    top = plan_blocks(parts, 4)
    assert 2 <= len(top.blocks) <= 30
    assert [block.first for block in top.blocks[1:]] == [block.end for block in top.blocks[:-1]]


def test_a_block_that_is_too_long_is_cut_along_its_own_scopes():
    parts = [Part(("a", part, step), 10, frozenset()) for part in "pq" for step in "xyz"]
    parts += [Part(("b", "x"), 10, frozenset())] * 2
    a, b = plan_blocks(parts, 4, most=40).blocks
    assert [(block.path, block.first, block.end) for block in a.blocks] == [(("a", "p"), 0, 3), (("a", "q"), 3, 6)]
    assert (b.path, b.blocks) == (("b",), ())
