"""The C of a path: one line a stage, only the stages that it has, on memory that nobody else uses at the time."""

import re

import pytest
from stapes.export.c import c_program
from stapes.export.c.audio.memory import place
from stapes.export.c.files import render
from stapes.export.stamp import Stamp
from stapes.models.audio import SoundPath, kinds

from tests.export.networks import network
from tests.helpers import sound_path_of

PATHS = {
    "magnitude": sound_path_of(),
    "log with gains, noisy": sound_path_of(features="log", mask_on="noisy", gain_input=True),
    "bands": sound_path_of(features="bands", gain_input=True),
    "complex": sound_path_of(analysis=512, synthesis=512, hop=256, features="complex"),
}


@pytest.mark.parametrize("config", ["own", "complex"])
def test_process_has_one_line_a_stage_and_no_word_of_the_others(config):
    net = network(config)
    files = render(c_program(net.graph, "net", net.sound_path), Stamp("0" * 64, "0", "x"), None)
    process = re.search(r"run_hop\(.*?\n\}", files["net.c"], re.DOTALL)[0]
    used = [stage.kind for stage in net.sound_path.stages]
    assert [kind for kind in re.findall(r"\bstapes_(\w+)\(", process) if kind in kinds()] == used
    for kind in set(kinds()) - set(used):
        assert f"stapes_{kind}_" not in files["net.c"] + files["net.h"]
        assert f"runtime/audio/stapes_{kind}.c" not in files


@pytest.mark.parametrize("name", PATHS)
def test_what_is_needed_together_lies_apart_and_what_outlives_the_network_in_the_context(name):
    sound_path = PATHS[name]
    memory = place(sound_path)
    network_at = len(sound_path.before) + 1
    last = {q: step for step, stage in steps(sound_path) for q in stage.reads}
    last |= {quantity.name: network_at - 1 for quantity in sound_path.given}
    scratch = [array for array in memory.arrays.values() if array.offset is not None]
    for array in memory.arrays.values():
        outlives = array.first < network_at < last.get(array.name, array.first)
        assert outlives == (array.offset is None), array.name
    for a in scratch:
        assert a.offset % 8 == 0
        assert a.offset + a.bytes <= memory.scratch_bytes
        for b in scratch:
            together = a.first <= last.get(b.name, b.first) and b.first <= last.get(a.name, a.first)
            apart = a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset
            assert a is b or not together or apart, f"{a.name}, {b.name}"


def steps(sound_path: SoundPath):
    """Stages by the steps of `place`."""
    return [*enumerate(sound_path.before), *enumerate(sound_path.after, len(sound_path.before) + 3)]
