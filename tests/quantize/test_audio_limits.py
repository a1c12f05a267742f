"""Settings that no fixed-point format holds are refused by their names, whatever the file says."""

import pytest
from stapes.models.errors import StapesError
from stapes.quantize.audio import path_params, require_free_tensors

from tests.helpers import sound_path_of


@pytest.mark.parametrize("settings", [{"xi_min_db": 18.0}, {"xi_min_db": -60.0}, {"vad_threshold": 1000.0}])
def test_settings_at_their_limits_are_taken(settings):
    assert path_params(sound_path_of(**settings))


@pytest.mark.parametrize(
    ("name", "value"), [("xi_min_db", 21.1), ("xi_min_db", 300.0), ("vad_threshold", 1e12), ("vad_hold_frames", 2**31)]
)
def test_settings_beyond_are_refused_by_name(name, value):
    with pytest.raises(StapesError, match=name.removesuffix("_db")):
        path_params(sound_path_of(**{name: value}))


def test_a_length_that_no_transform_takes_is_told_with_those_of_both():
    with pytest.raises(
        StapesError,
        match="takes 32 to 1024 samples, that of mixed radix even lengths of the factors 2, 3 and 5 from 16 to 2048",
    ):
        path_params(sound_path_of(analysis=4, synthesis=4, hop=2))


@pytest.mark.parametrize("name", ["audio_in_q15", "audio_out_q15"])
def test_no_tensor_takes_the_name_of_golden_audio(name):
    with pytest.raises(StapesError, match=name):
        require_free_tensors([name], sound_path_of())


NUMBERS = ["noise_smoothing", "xi_smoothing", "vad_threshold", "xi_min_db", "gamma_max", "noise_floor", "mask_floor_db"]


@pytest.mark.parametrize("value", [1e300, -1e300, 5e-324, 1e18])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_no_format_holds_is_refused_by_its_key(name, value):
    try:
        path_params(sound_path_of(**{name: value}))
    except StapesError as error:
        assert name in str(error)  # noqa: PT017
    else:
        assert abs(value) < 1 or (name == "mask_floor_db" and value < 0)
