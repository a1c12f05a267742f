"""The equaliser on an emulated Cortex-M7: the bits of numpy, and what a section costs."""

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.firmware_sim.audio.equaliser import Twin
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.models.audio.transform import Transform
from stapes.quantize.audio import stage_params

from tests.export.networks import network
from tests.export.programs import STAMP
from tests.firmware_sim.audio_signals import NOISY, extremes, shipped
from tests.firmware_sim.device_kernels import DeviceKernels
from tests.firmware_sim.equaliser_paths import TEN, equaliser_of, equaliser_path, section
from tests.machine import require

pytestmark = pytest.mark.needs("cortex-m7")


def device_report(tmp_path, sound_path, graph, samples, toolchain="gcc"):
    """The bits are held to those of numpy while it is counted."""
    require(f"device {toolchain}")
    export_c(graph, tmp_path / "net", name="net", sound_path=sound_path, stamp=STAMP)
    return measure(tmp_path / "net", Hops(graph, sound_path, samples), counted_hops=4, toolchain=toolchain)


@pytest.mark.parametrize("toolchain", ["gcc", "zig"])
def test_a_section_takes_at_most_14_instructions_a_sample(tmp_path, toolchain):
    """Speech in noise and the extremes, ten sections."""
    net = network("small")
    given = extremes(640)
    samples = np.concatenate([shipped(NOISY[0])[:3200], *given.values()])
    sound_path = equaliser_path(TEN, features="log", gain_input=True, mask_floor_db=-20.0)
    report = device_report(tmp_path, sound_path, net.graph, samples, toolchain)
    assert report.instructions_by_stage["equaliser"] <= 14 * 10 * 64


@pytest.mark.parametrize("loudness", [1, 31 << 25])
def test_a_hop_of_any_length_is_that_of_numpy(tmp_path, loudness):
    """Each way into the loop and out of it: odd and even numbers of samples and of pairs; silent to saturated."""
    require("device gcc")
    device = DeviceKernels(["stapes_biquad"], tmp_path)
    params = stage_params(equaliser_of([section("peaking", 300.0, 30.0, 20.0)]), Transform())
    rng, twin = np.random.default_rng(0), Twin(params, 1)
    coefficients = device.place(params.coefficients_q30.astype("<i4").tobytes())
    past, rest = device.place(bytes(16)), device.place(bytes(4))
    for hop in range(2, 16):
        sound = rng.integers(-loudness, loudness, hop, endpoint=True)
        place = device.place(sound.astype("<i4").tobytes())
        device.call("stapes_biquad", coefficients, past, rest, hop, place)
        made = np.frombuffer(device.memory(place, 4 * hop), "<i4")
        np.testing.assert_array_equal(made, twin.step({"sound_q25": sound[None]})["sound_q25"][0], err_msg=str(hop))
        np.testing.assert_array_equal(np.frombuffer(device.memory(past, 16), "<i4"), twin.cascade.past_q25[0, 0])
        assert np.frombuffer(device.memory(rest, 4), "<u4")[0] == twin.cascade.rest_q55[0, 0]
