"""The bands of DeepFilterNet: their widths at its own rate, and what holds at every other one."""

import numpy as np
import pytest
from stapes.models.audio.erb import erb_widths
from stapes.models.errors import StapesError

# DeepFilterNet 3 at 48 kHz: 960 points, 32 bands of at least 2 bins.
OFFICIAL = "2 2 2 2 2 2 2 2 2 2 2 2 2 5 5 7 7 8 10 12 13 15 18 20 24 28 31 37 42 50 56 67"


def test_the_widths_are_those_of_deepfilternet():
    assert erb_widths(48000, 960, 32, 2).tolist() == [int(width) for width in OFFICIAL.split()]


@pytest.mark.parametrize(
    ("rate", "points", "bands", "least"),
    [(16000, 320, 24, 1), (24000, 480, 32, 2), (48000, 1024, 64, 3), (8000, 128, 1, 1)],
)
def test_every_bin_is_of_one_band(rate, points, bands, least):
    widths = erb_widths(rate, points, bands, least)
    assert (len(widths), widths.sum()) == (bands, points // 2 + 1)
    assert widths[:-1].min(initial=least) >= least
    assert widths[-1] >= 1


@pytest.mark.parametrize(("bands", "least"), [(0, 1), (32, 0), (33, 2), (65, 1)])
def test_bands_that_do_not_fit_are_refused(bands, least):
    with pytest.raises(StapesError, match=f"bands {bands} of at least {least} bins"):
        erb_widths(16000, 126, bands, least)


def test_the_widths_are_whole_numbers():
    assert erb_widths(48000, 960, 32, 2).dtype == np.int64
