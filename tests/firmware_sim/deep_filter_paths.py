"""Paths with the filter stages of DeepFilterNet, in front of which other features than its own may stand."""

import pytest
from stapes.models.audio import SoundPath
from stapes.models.audio.controls import ALL, with_controls

from tests.deep_filter_features import GOLDEN

needs_golden = pytest.mark.skipif(
    not GOLDEN.is_file(), reason="the golden frames of DeepFilterNet are not beside the checkout"
)

VORBIS = {"sample_rate": 48000, "analysis": 960, "synthesis": 960, "hop": 480, "window": "vorbis"}


def deep_path(*stages, transform=VORBIS):
    """transform, complex features, these stages, each a kind or a table, inverse."""
    told = [{"kind": stage} if isinstance(stage, str) else stage for stage in stages]
    return SoundPath.from_tables([{"kind": "transform"} | transform, {"kind": "complex"}, *told, {"kind": "inverse"}])


PATHS = {
    "all, 48 kHz": deep_path("look_ahead", "band_gains", "deep_filter", "post_filter", "attenuation_limit"),
    "switched": deep_path(
        "look_ahead",
        {"kind": "band_gains", "lsnr_min_db": -10.0, "lsnr_max_db": 30.0},
        {"kind": "deep_filter", "lsnr_min_db": -10.0, "lsnr_max_db": 20.0},
    ),
    "no gains where the filter is": deep_path("look_ahead", {"kind": "band_gains", "first": 21}, "deep_filter"),
    "no future": deep_path({"kind": "look_ahead", "frames": 0, "past": 4}, "band_gains", "deep_filter"),
    "no past": deep_path(
        {"kind": "look_ahead", "frames": 3, "past": 0, "bins": 20},
        "band_gains",
        {"kind": "deep_filter", "order": 4, "bins": 20},
    ),
    "gains alone, 16 kHz": deep_path(
        {"kind": "look_ahead", "frames": 1, "past": 0, "bins": 0},
        {"kind": "band_gains", "bands": 24, "least": 1},
        {"kind": "post_filter", "beta": 0.5},
        {"kind": "attenuation_limit", "db": 6.0},
        transform={},
    ),
    "a complex mask behind a look-ahead": deep_path({"kind": "look_ahead", "past": 0, "bins": 0}, "complex_mask"),
    "a complex mask with controls": with_controls(
        deep_path(
            {"kind": "look_ahead", "past": 0, "bins": 0},
            "complex_mask",
            transform={"sample_rate": 8000, "analysis": 80, "synthesis": 80, "hop": 40},
        ),
        [ALL],
    ),
    "16 taps in every bin": deep_path(
        {"kind": "look_ahead", "frames": 5, "past": 10, "bins": 41},
        {"kind": "band_gains", "bands": 1, "least": 1},
        {"kind": "deep_filter", "order": 16, "bins": 41},
        transform={"sample_rate": 8000, "analysis": 80, "synthesis": 80, "hop": 40},
    ),
}
