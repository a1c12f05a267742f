"""Forms of a section of second order in fixed point, side by side: what they add to the sound, and what they cost on a Cortex-M7.

`python -m stapes.tools.bench.biquads` prints the table of docs/architecture/equaliser.md.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import cmsisdsp as dsp
import numpy as np
from rich.table import Table

from ...export.c.runtime import runtime_file
from ...firmware_sim.audio.twin import start
from ...firmware_sim.cmsis_dsp import sources
from ...firmware_sim.cortex_m7.counting import InstructionCounter
from ...firmware_sim.cortex_m7.unicorn_device import EXCHANGE
from ...firmware_sim.device.firmware import Firmware
from ...firmware_sim.device.toolchain import find_toolchain
from ...models.audio.biquad import Section
from ...models.audio.equaliser import Equaliser
from ...models.audio.transform import Transform
from ...quantize.audio import stage_params
from ..console import console
from .transforms import link_functions

HOP, SAMPLES, SOUNDING = 64, 19200, 12800
LEVEL_DB = -12.0
FRACTION_BITS = 25
# 6 bits of room above full scale, as in the path; what a form cannot hold there it need not hold.
CASCADES: Mapping[str, tuple[Section, ...]] = {
    "10 sections, 100 Hz to 5 kHz": tuple(
        Section("peaking", 100.0 * 1.55**k, gain, 1.4) for k, gain in enumerate((6, -4, 5, -6, 3, 4, -5, 6, 8, -3))
    ),
    "40 Hz high pass, 60 Hz peak": (Section("high_pass", 40.0), Section("peaking", 60.0, 12.0, 4.0)),
    "10 Hz peak, Q of 20": (Section("peaking", 10.0, 12.0, 20.0),),
}
CHOSEN = "direct form I, remainder passed on"
Form = Callable[[tuple[Section, ...], np.ndarray], np.ndarray]


def _chosen(sections: tuple[Section, ...], sound: np.ndarray) -> np.ndarray:
    twin = start(Equaliser(sections), Transform(), 1)
    blocks = np.split(sound, len(sound) // HOP)
    return np.concatenate([twin.step({"sound_q25": block[None]})["sound_q25"][0] for block in blocks])


def _coefficients(sections: tuple[Section, ...]) -> np.ndarray:
    made: np.ndarray = stage_params(Equaliser(sections), Transform()).coefficients_q30
    return made


def _cmsis(sections: tuple[Section, ...], sound: np.ndarray) -> np.ndarray:
    made = dsp.arm_biquad_casd_df1_inst_q31()
    state = np.zeros(4 * len(sections), np.int32)
    dsp.arm_biquad_cascade_df1_init_q31(made, len(sections), _coefficients(sections).reshape(-1), state, 1)
    return np.asarray(dsp.arm_biquad_cascade_df1_q31(made, sound.astype(np.int32)), np.int64)


def _cmsis_wide(sections: tuple[Section, ...], sound: np.ndarray) -> np.ndarray:
    made = dsp.arm_biquad_cas_df1_32x64_ins_q31()
    state = np.zeros(4 * len(sections), np.int64)
    dsp.arm_biquad_cas_df1_32x64_init_q31(made, len(sections), _coefficients(sections).reshape(-1), state, 1)
    return np.asarray(dsp.arm_biquad_cas_df1_32x64_q31(made, sound.astype(np.int32)), np.int64)


def _plain(sections: tuple[Section, ...], sound: np.ndarray) -> np.ndarray:
    values = sound.tolist()
    for b0, b1, b2, a1, a2 in _coefficients(sections).tolist():
        x1 = x2 = y1 = y2 = 0
        for n, x in enumerate(values):
            y = (b0 * x + b1 * x1 + b2 * x2 + a1 * y1 + a2 * y2 + (1 << 29)) >> 30
            x2, x1, y2, y1 = x1, x, y1, y
            values[n] = y
    return np.array(values)


def _transposed(sections: tuple[Section, ...], sound: np.ndarray) -> np.ndarray:
    values = sound.tolist()
    for b0, b1, b2, a1, a2 in _coefficients(sections).tolist():
        first = second = 0
        for n, x in enumerate(values):
            y = (first + b0 * x + (1 << 29)) >> 30
            first, second = second + b1 * x + a1 * y, b2 * x + a2 * y
            values[n] = y
    return np.array(values)


def _state_variable(sections: tuple[Section, ...], sound: np.ndarray) -> np.ndarray:
    """Trapezoidal integrators of 32 bits (Simper, Solving the continuous SVF equations using trapezoidal integration, 2013)."""

    def product(a: int, b: int) -> int:
        return (a * b + (1 << 29)) >> 30

    values = sound.tolist()
    for section in sections:
        root = 10.0 ** (section.gain_db / 40.0)
        g = math.tan(math.pi * section.frequency / Transform().sample_rate)
        peak = section.form == "peaking"
        k = 1.0 / (section.q * root) if peak else 1.0 / section.q
        ahead = 1.0 / (1.0 + g * (g + k))
        c1, c2, c3 = (round(value * 2**30) for value in (ahead, g * ahead, g * g * ahead))
        middle = round((k * (root * root - 1.0) if peak else -k) * 2**30)
        low = 0 if peak else -1
        first = second = 0
        for n, x in enumerate(values):
            rest = x - second
            band = product(c1, first) + product(c2, rest)
            bass = second + product(c2, first) + product(c3, rest)
            first, second = 2 * band - first, 2 * bass - second
            values[n] = x + product(middle, band) + low * bass
    return np.array(values)


FORMS: Mapping[str, Form] = {
    "direct form I, CMSIS-DSP": _cmsis,
    "direct form I, outputs of 64 bits, CMSIS-DSP": _cmsis_wide,
    "direct form I, rounded": _plain,
    "transposed direct form II, states of 64 bits": _transposed,
    "state-variable, states of 32 bits": _state_variable,
    CHOSEN: _chosen,
}


def noise_and_rest(form: Form, sections: tuple[Section, ...]) -> tuple[float, float]:
    """What is added to noise at LEVEL_DB, in dBFS, and the largest sample that is left a while after it stopped, without float's own."""
    rng = np.random.default_rng(0)
    sound = np.round(rng.standard_normal(SAMPLES) * 10 ** (LEVEL_DB / 20) * 2.0**FRACTION_BITS).astype(np.int64)
    sound[SOUNDING:] = 0
    exact = Equaliser(sections).start(Transform(), 1).run({"sound": sound[None] / 2.0**FRACTION_BITS})["sound"][0]
    error = form(sections, sound) / 2.0**FRACTION_BITS - exact
    return _db(float(np.sqrt(np.mean(error[:SOUNDING] ** 2)))), _db(float(np.abs(error[-HOP * 10 :]).max()))


def _db(value: float) -> float:
    return 20.0 * math.log10(max(value, 1e-12))


def instructions() -> dict[str, float]:
    """A sample and section, over ten sections and a hop of 64 samples, of the forms that exist in C."""
    functions = {
        "direct form I, CMSIS-DSP": ("arm_biquad_cascade_df1_q31", 4),
        "direct form I, outputs of 64 bits, CMSIS-DSP": ("arm_biquad_cas_df1_32x64_q31", 8),
    }
    folder = sources().include_dirs[0].parent / "Source" / "FilteringFunctions"
    names = ("arm_biquad_cascade_df1_q31.c", "arm_biquad_cascade_df1_32x64_q31.c")
    own = ("stapes_biquad.c", "stapes_biquad_pairs.c")
    called = [*(name for name, _ in functions.values()), "stapes_biquad"]
    with tempfile.TemporaryDirectory(prefix="stapes-biquads-") as work:
        files = [*(folder / name for name in names), *map(runtime_file, own)]
        counter = InstructionCounter(Firmware(link_functions(Path(work), called, files, find_toolchain())))
    coefficients = _coefficients(CASCADES["10 sections, 100 Hz to 5 kHz"])
    count, at = len(coefficients), EXCHANGE
    device = counter.device
    coefs, state, sound, instance = (at + place for place in (0, 1024, 2048, 4096))
    device.write(coefs, coefficients.astype("<i4").tobytes())
    device.write(sound, np.random.default_rng(0).integers(-(2**25), 2**25, HOP).astype("<i4").tobytes())
    found = {}
    for name, (function, width) in functions.items():
        device.write(state, bytes(4 * count * width))
        device.write(instance, np.array([count, state, coefs, 1], "<u4").tobytes())
        found[name] = counter.count(function, instance, sound, sound, HOP)[1].instructions
    device.write(state, bytes(20 * count))
    each = [
        counter.count("stapes_biquad", coefs + 20 * k, state + 20 * k, state + 20 * k + 16, HOP, sound)[1].instructions
        for k in range(count)
    ]
    found[CHOSEN] = sum(each)
    return {name: total / (HOP * count) for name, total in found.items()}


def table() -> Table:
    """One row a form."""
    made = Table(title="sections of second order, samples in Q25 of 32 bits, noise at -12 dBFS", title_justify="left")
    made.add_column("form")
    for name in CASCADES:
        made.add_column(f"{name}: noise, rest (dBFS)", justify="right")
    made.add_column("instructions", justify="right")
    costs = instructions()
    for name, form in FORMS.items():
        cells = ["{:.0f}, {:.0f}".format(*noise_and_rest(form, sections)) for sections in CASCADES.values()]
        made.add_row(name, *cells, f"{costs[name]:.1f}" if name in costs else "-")
    return made


if __name__ == "__main__":
    console.print(table())
