"""Paths with an equaliser behind the inverse transform, and the filters that are hard for fixed point."""

from stapes.models.audio import SoundPath
from stapes.models.audio.equaliser import Equaliser, with_equaliser

from tests.helpers import sound_path_of


def section(form, frequency, gain_db=0.0, q=0.7071):
    """A section as a table."""
    return {"form": form, "frequency": frequency, "gain_db": gain_db, "q": q}


TEN = [
    section("high_pass", 80.0),
    section("low_shelf", 200.0, -6.0),
    *(
        section("peaking", f, g, q)
        for f, g, q in (
            (250.0, 4.0, 1.0),
            (500.0, -5.0, 1.4),
            (1000.0, 7.0, 1.0),
            (1500.0, -3.0, 3.0),
            (2500.0, 9.0, 2.0),
            (4000.0, 6.0, 1.0),
        )
    ),
    section("high_shelf", 5000.0, 8.0),
    section("low_pass", 7600.0),
]
SECTIONS = {
    "flat": [section("peaking", 1000.0)],
    "ten": TEN,
    "the lowest and the sharpest": [section("peaking", 10.0, 12.0, 20.0), section("high_pass", 20.0, 0.0, 5.0)],
    "16 boosts": [section("peaking", 100.0 * 1.3**k, 12.0, 4.0) for k in range(16)],
    "16 cuts": [section("peaking", 100.0 * 1.3**k, -30.0, 0.5) for k in range(16)],
    "shelves": [section("low_shelf", 150.0, 24.0), section("high_shelf", 3000.0, 12.0, 1.0)],
    "given": [{"form": "biquad", "coefficients": [0.2, 0.4, 0.2, -0.6, 0.4]}],
}


def equaliser_of(sections, gain_db=0.0):
    """The stage with these sections."""
    path = SoundPath.from_tables(
        [
            *({"kind": kind} for kind in ("transform", "complex", "complex_mask", "wide_inverse")),
            {"kind": "equaliser", "sections": sections, "gain_db": gain_db},
            {"kind": "output"},
        ]
    )
    return next(stage for stage in path.stages if isinstance(stage, Equaliser))


def equaliser_path(sections, gain_db=0.0, **front_end):
    """The path of a flat table with an equaliser."""
    return with_equaliser(sound_path_of(**front_end), equaliser_of(sections, gain_db))


PATHS = {name: equaliser_path(sections, features="complex") for name, sections in SECTIONS.items()} | {
    "30 dB at all frequencies": equaliser_path(TEN, 30.0, features="complex"),
    "hop 441": equaliser_path(
        TEN,
        sample_rate=44100,
        analysis=900,
        synthesis=882,
        hop=441,
        window="sqrt_hann",
        features="complex",
    ),
    "mixed radix": equaliser_path(TEN, mixed_radix=True),
}
