"""Every C kernel, as the exporter calls it, gives the integers of its numpy twin: noise and extremes, odd sizes."""

import numpy as np
import pytest
from stapes.export.c.fusion import FUSIONS
from stapes.export.c.program import build_program
from stapes.export.c.runtime import RUNTIME
from stapes.firmware_sim.network import NetworkSimulator

from tests.export.device import network
from tests.export.operator_cases import frames, operator_cases
from tests.export.programs import BUILDS

FRAMES = 40
GRAPH = operator_cases()


@pytest.fixture(scope="module")
def expected():
    """Outputs of the numpy engine: one dictionary a frame."""
    simulator = NetworkSimulator(GRAPH, 1)
    given = frames(GRAPH, FRAMES, seed=1)
    made = [simulator.step({name: values[None] for name, values in frame.items()}) for frame in given]
    return given, [{name: values[0] for name, values in frame.items()} for frame in made]


@pytest.fixture(scope="module", params=[*BUILDS, "host", "device"])
def computed(request, tmp_path_factory, expected):
    """Outputs of one build of the C, or of the emulated Cortex-M7 with its own kernels."""
    made = network(GRAPH, tmp_path_factory.mktemp("kernels"), request.param)
    return [made.step(frame) for frame in expected[0]]


@pytest.mark.parametrize("operator", [op.name for op in GRAPH.operators])
def test_the_operator_gives_the_integers_of_its_numpy_twin(operator, expected, computed):
    outputs = next(op.outputs for op in GRAPH.operators if op.name == operator)
    for frame, (wanted, got) in enumerate(zip(expected[1], computed, strict=True)):
        for name in outputs:
            np.testing.assert_array_equal(got[name], wanted[name], err_msg=f"{name}, frame {frame}")


@pytest.mark.parametrize(
    "operator", [op.name for op in GRAPH.operators if op.kind not in ("RESHAPE", "MEAN") and "nothing" not in op.name]
)
def test_the_cases_exercise_the_operator(operator, expected):
    """A kernel that gave a constant would be found out."""
    op = next(op for op in GRAPH.operators if op.name == operator)
    values = {tuple(np.ravel(frame[op.outputs[0]])) for frame in expected[1]}
    assert len(values) > 3


def test_every_kernel_of_the_runtime_is_called_by_a_case():
    called = build_program(GRAPH, "net").functions
    fused = {f"stapes_{kind}_{dtype}" for kind in FUSIONS for dtype in ("s8", "s16")}
    kernels = {path.stem for path in RUNTIME.rglob("stapes_*_s[0-9]*.c")}
    # PAD of int32 and copies of int32 have no case: no operator of a network moves them.
    others = {"stapes_copy_s32", "stapes_fill_s32"}
    # Forms of fused kernels, with tests of their own.
    others |= {f"stapes_gru_{part}_s16" for part in ("grouped", "sequence_grouped", "cell")}
    others |= {f"stapes_{part}_{dtype}" for part in ("compare", "outputs", "history_frames") for dtype in ("s8", "s16")}
    assert kernels - fused - others == set(called)
