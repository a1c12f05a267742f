"""Coverage-guided fuzzing finds nothing in an exported program, and what is planted in one at once."""

import shutil

import pytest
from stapes.export.c import export_c
from stapes.firmware_sim.fuzz import fuzz

from tests.export.networks import network
from tests.export.programs import STAMP
from tests.machine import cmsis_dsp, require

INPUTS = 60
SECONDS = 120  # at most, on a busy machine


@pytest.fixture(scope="module", autouse=True)
def _fuzzer():
    require("clang fuzzer")
    cmsis_dsp()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Of few weights: `make bench` runs the fuzzer on the network that comes along."""
    net = network("small", "w8a8")
    folder = tmp_path_factory.mktemp("fuzz") / "mask"
    export_c(net.graph, folder, name="mask", sound_path=net.sound_path, stamp=STAMP, vectors=net.vectors)
    return folder, "mask"


def test_sixty_inputs_find_nothing(exported):
    found = fuzz(*exported, SECONDS, inputs=INPUTS)
    assert found.failure == ""
    assert found.inputs >= INPUTS
    assert found.edges > 150


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        # A state that two contexts share, which only a loud block shows.
        ("static int16_t kept; if (in[3] > 30000) { kept++; } (void)kept; out[0] = (int16_t)(out[0] ^ kept);", "other bits"),
        ("if (in[0] == INT16_MAX) { ctx->audio.wiener.noise_q40 += 70; (void)*(volatile uint64_t *)(ctx->audio.wiener.noise_q40 + 100000); }", "AddressSanitizer"),
        ("if (in[1] == INT16_MIN) { volatile int32_t sum = INT32_MAX; sum = sum + 1; }", "signed integer overflow"),
        ("if (in[5] < -20000) { status = STAPES_MISALIGNED; }", "process does not answer STAPES_OK"),
    ],
    ids=["shared state", "memory", "overflow", "status"],
)  # fmt: skip
def test_a_planted_fault_is_found(planted, complaint, exported, tmp_path):
    folder, name = exported
    shutil.copytree(folder, tmp_path / name)
    source = tmp_path / name / f"{name}.c"
    text = source.read_text()
    # The last stage of a hop; behind the hop where there is a status.
    last = "run_hop(&ctx->ear, in, out);" if "status" in planted else "    stapes_inverse(&audio_inverse_params,"
    start = text.index("\n", text.index(last)) + 1
    assert text.count(last) == 1
    source.write_text(text[:start] + f"    {planted}\n" + text[start:])
    found = fuzz(tmp_path / name, name, SECONDS, inputs=INPUTS)
    assert complaint in found.failure
    assert found.failing_input
