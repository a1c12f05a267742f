"""What the stages say of their quantities: the table in ARCHITECTURE.md is made of it, and paths are checked by it."""

from pathlib import Path

import pytest
from stapes.models.audio import SoundPath, kinds
from stapes.models.audio.formats import with_table
from stapes.models.errors import StapesError

from tests.helpers import sound_path_of

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
USUAL = ["transform", "power", "wiener", "log", "mask", "inverse"]


def path_of(*names):
    return SoundPath(tuple(kinds()[name]() for name in names))


def test_the_table_of_formats_is_that_of_the_stages():
    text = ARCHITECTURE.read_text(encoding="utf-8")
    assert with_table(text) == text, "run: python -m stapes.models.audio.formats ARCHITECTURE.md"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["transform", "wiener", "power", "log", "mask", "inverse"], "'wiener' reads power_q40, which is made behind it"),
        (["transform", "power", "log", "mask", "inverse"], "'log' reads gain2_q30, which no stage makes; put 'wiener' before it"),
        (["power", "wiener", "log", "mask", "inverse"], "'power' stands first; begin with 'transform'"),
        ([*USUAL, "inverse"], "'inverse' makes output_q15 again"),
        (USUAL[:-1], "'mask' stands last; end with 'inverse'"),
        (["transform", "complex", "inverse"], "'inverse' reads filtered, which no stage makes"),
        (["transform", "power", "wiener", "mask", "log", "inverse"], "a mask is read before the features"),
        (["transform", "power", "wiener", "log", "complex", "mask", "inverse"], "'complex' makes features_q20 again"),
        ([], "0 stages"),
    ],
)  # fmt: skip
def test_a_path_that_cannot_work_is_refused_in_one_line(names, message):
    with pytest.raises(StapesError) as caught:
        path_of(*names)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_equals_its_default_is_left_out_of_the_tables():
    assert path_of(*USUAL).to_tables() == [{"kind": name} for name in USUAL]
    changed = sound_path_of(features="log", gain_input=True, mask_floor_db=-20.0)
    assert changed.to_tables()[3:5] == [{"kind": "log", "gain_input": True}, {"kind": "mask", "floor_db": -20.0}]


def test_every_quantity_of_a_path_has_one_maker_and_a_size():
    for sound_path in (path_of(*USUAL), sound_path_of(features="complex")):
        names = [quantity.name for stage in sound_path.stages for quantity in stage.quantities]
        assert len(names) == len(set(names))
        assert all(quantity.size(sound_path.transform) > 0 for quantity in sound_path.quantities.values())
        assert set(sound_path.traced) <= set(names)
