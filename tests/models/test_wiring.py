"""Which tensors of a network a path feeds and reads: by name where it has several, refused in one line where they do not fit."""

import dataclasses

import pytest
from stapes.models.audio import SoundPath, kinds
from stapes.models.audio.wiring import wire
from stapes.models.errors import StapesError

from tests.helpers import sound_path_of

PLAIN = sound_path_of(features="complex")
SIZES = {"spectrum": 195}, {"mask": 130, "lsnr": 1}


def named(given="", asked=""):
    """The path of complex features and mask with names for both."""
    stages = [kinds()["transform"](), kinds()["complex"](input=given), kinds()["complex_mask"](output=asked)]
    return SoundPath((*stages, kinds()["inverse"]()))


def test_without_names_a_path_takes_the_only_input_and_the_only_output():
    wiring = wire(PLAIN, {"x": 195}, {"y": 130})
    assert {name: q.name for name, q in wiring.inputs.items()} == {"x": "features_q20"}
    assert {name: q.name for name, q in wiring.outputs.items()} == {"y": "mask_q15"}


def test_names_are_stored_only_where_there_are_any():
    assert named() == PLAIN
    assert named().to_tables() == PLAIN.to_tables() == [{"kind": stage.kind} for stage in PLAIN.stages]
    tables = named("spectrum", "mask").to_tables()
    assert tables[1:3] == [{"kind": "complex", "input": "spectrum"}, {"kind": "complex_mask", "output": "mask"}]
    assert SoundPath.from_tables(tables) == named("spectrum", "mask")


def test_an_output_that_no_stage_asks_for_stays_unread():
    wiring = wire(named("spectrum", "mask"), *SIZES)
    assert list(wiring.outputs) == ["mask"]
    assert wiring.outputs["mask"] == dataclasses.replace(PLAIN.mask, tensor="mask")


@pytest.mark.parametrize(
    ("path", "sizes", "message"),
    [
        (named("spectrum"), SIZES, "one output besides its states, this one has 2: mask, lsnr; name one with output = 'NAME'"),
        (named("", "mask"), ({"a": 1, "b": 1}, SIZES[1]), "has 2: a, b; name one with input = 'NAME' in the stage of features_q20; or, if one is a state, name its output with --state INPUT=OUTPUT; outputs are mask, lsnr"),
        (named("", "mask"), ({}, SIZES[1]), "one input besides its states, this one has 0: none"),
        (named("spectrum", "mask"), ({"erb": 32, "spectrum": 195}, SIZES[1]), "no stage of this front end feeds the network's input 'erb'"),
        (named("spec", "mask"), SIZES, "names the input 'spec', which the network has not: spectrum"),
        (named("spectrum", "gains"), SIZES, "names the output 'gains', which the network has not: mask, lsnr"),
        (named("spectrum", "lsnr"), SIZES, "has 130 values for the network's output 'lsnr', which has 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_line(path, sizes, message):
    with pytest.raises(StapesError) as caught:
        wire(path, *sizes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\nb", "x" * 300])
def test_a_name_that_no_tensor_can_have_is_refused(name):
    for setting in ({"given": name}, {"asked": name}):
        with pytest.raises(StapesError, match="give the name of a tensor of the network"):
            named(**setting)
