"""The table of operators (`quantize/operators.py`) is whole: nothing that it names is missing, and nothing is there that it does not name."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from stapes.export.c.fusion import FUSIONS
from stapes.export.c.program import build_program
from stapes.export.c.runtime import RUNTIME
from stapes.export.c.statements import FORMS
from stapes.firmware_sim import kernels
from stapes.quantize import prepare
from stapes.quantize.lowering import REGISTRY, lower
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.operators import OPERATORS, VANISH, implementation
from stapes.quantize.proof import prove
from stapes.quantize.regions import COMPOSED, REGIONS
from stapes.quantize.spelling import SPELLINGS

from tests.export.operator_cases import operator_cases
from tests.firmware_sim.test_kernels_against_tflm import CASES as AGAINST_TFLM
from tests.quantize import test_lowering, test_lowering_positions, written_operators
from tests.quantize.onnx_models import gru, make

ROOT = Path(__file__).parent.parent
CASES = operator_cases()
KINDS = sorted(OPERATORS)
NARROW = ("int8", "int16")


def dtypes(kind):
    """The dtypes that networks compute with."""
    return {dtype for dtype in OPERATORS[kind].versions if dtype in NARROW}


def lowered_models():
    """ONNX models of the tests that hold lowering to onnxruntime."""
    for module in (test_lowering, test_lowering_positions):
        for nodes, given, made, constants in module.CASES.values():
            yield make(nodes, {"x": given}, {"y": made}, constants)
    for attributes, shape, kernel in test_lowering_positions.CONVOLUTIONS.values():
        nodes, constants = test_lowering_positions.convolution("Conv", attributes, shape, kernel)
        yield make(nodes, {"x": shape}, {"y": test_lowering_positions.out_shape(attributes, shape, kernel)}, constants)
    nodes, constants = test_lowering_positions.convolution(
        "ConvTranspose", {"strides": [1, 2], "pads": [0, 2, 0, 2]}, (1, 16, 1, 33), (16, 8, 1, 5), 8
    )
    yield make(nodes, {"x": (1, 16, 1, 33)}, {"y": (1, 8, 1, 65)}, constants)
    for name in written_operators.CASES:
        yield written_operators.model([name], 18 if name in written_operators.NORMS else 20)
    yield gru(test_lowering.RNG)
    yield test_lowering_positions.sequence_model(3)
    constants = {"axes": np.array([0], np.int64)}
    squares = [helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node("ReduceMean", ["s", "axes"], ["y"])]
    yield make(squares, {"x": (4, 3)}, {"y": (1, 3)}, constants)


@pytest.fixture(scope="module")
def lowered():
    """ONNX operator -> kinds of operators, and of regions, of the graphs that models with it become."""
    found = defaultdict(set)
    for model in lowered_models():
        graph = lower(check_model(model, "m"))
        made = {op.kind for op in graph.operators if op.region is None} | {region.kind for region in graph.regions}
        for node in model.graph.node:
            found[node.op_type] |= made
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_has_all_that_its_row_names(kind):
    entry = OPERATORS[kind]
    assert callable(implementation(prepare.__name__, entry.prepare))
    assert callable(implementation(kernels.__name__, entry.kernel))
    assert entry.form in FORMS or not entry.c
    assert {"int16"} <= set(entry.versions) or kind == "GATHER", "only tables of int8 can be looked up"
    for name in entry.c:
        assert list(RUNTIME.rglob(f"stapes_{name}.c")), name
    assert bool(entry.proof) != bool(entry.because)


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_is_held_to_its_oracle_and_its_twins(kind):
    """To TFLite Micro in numpy, and in C, on the emulated device too, to numpy (`test_c_kernels`)."""
    tried = {CASES.tensors[op.outputs[0]].dtype for op in CASES.operators if op.kind == kind}
    assert dtypes(kind) <= tried
    assert dtypes(kind) <= {dtype for text in AGAINST_TFLM[kind][1] for dtype in text.split("-")}


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_has_bounds_where_its_row_says_so(kind):
    proven = {bound.kind for bound in prove(CASES)}
    assert (kind in proven) == bool(OPERATORS[kind].proof)


def test_the_kernels_of_c_are_those_that_the_exporter_calls():
    named = {f"stapes_{name}" for entry in OPERATORS.values() for name in entry.c}
    # Nothing that a network moves is int32: constants are folded.
    assert named - {"stapes_copy_s32", "stapes_fill_s32"} == set(build_program(CASES, "net").functions)


def test_no_kernel_of_numpy_stands_beside_the_table():
    files = {path.stem for path in (ROOT / "firmware_sim/kernels").glob("*.py")} - {
        "__init__",
        "accumulator",
        "batching",
    }
    assert files == {entry.kernel.partition(".")[0] for entry in OPERATORS.values()}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in OPERATORS[kind].lowered])
def test_an_operator_of_onnx_becomes_what_the_table_says(kind, name, lowered):
    assert kind in lowered[name]


@pytest.mark.parametrize("kind", COMPOSED)
def test_an_operator_of_onnx_becomes_the_region_that_its_row_says(kind, lowered):
    assert REGIONS[kind].lowered
    assert all(kind in lowered[name] for name in REGIONS[kind].lowered)


def test_every_operator_that_is_lowered_stands_in_a_table():
    named = {name for entry in OPERATORS.values() for name in entry.lowered} | set(VANISH)
    named |= {name for kind in REGIONS.values() for name in kind.lowered}
    cells, factors, masks = {"LSTM", "RNN"}, {"Neg"}, {"Step"}
    assert named | set(SPELLINGS) | cells | factors | masks == set(REGISTRY)


def test_every_kind_of_region_has_a_step_of_c():
    assert set(FUSIONS) == set(REGIONS)


def test_the_readme_names_every_operator_that_is_lowered():
    text = (ROOT / "README.md").read_text("utf-8")
    (sentence,) = re.findall(r"Gemm, MatMul, .*? are lowered", text, re.DOTALL)
    kin = {"Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout"}
    # What comparisons become is no operator of ONNX.
    assert set(REGISTRY) - kin - {"Step"} <= set(re.findall(r"[A-Z]\w+", sentence))


def rows():
    """The table as ARCHITECTURE.md has it."""
    yield "| operator | from ONNX | dtypes | numpy kernel | C kernels | overflow |"
    yield "|---|---|---|---|---|---|"
    for kind, entry in OPERATORS.items():
        narrow = ", ".join(dtype for dtype in NARROW if dtype in entry.versions)
        kernels_of_c = sorted({re.sub(r"(_s\d+)+$", "", name) for name in entry.c})
        proof = f"proof: {entry.proof}" if entry.proof else entry.because
        cells = (kind, ", ".join(entry.lowered) or "-", narrow, entry.kernel, ", ".join(kernels_of_c) or "-", proof)
        yield f"| {' | '.join(cells)} |"


def test_architecture_shows_the_table():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert "\n".join(rows()) in text, "put this into ARCHITECTURE.md:\n" + "\n".join(rows())


if __name__ == "__main__":
    print("\n".join(rows()))
