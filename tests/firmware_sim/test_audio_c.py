"""The audio path in C equals the one in Python, in every quantity of every frame."""

import functools
import importlib
import re

import numpy as np
import pytest
from stapes.export.c.audio.glide import GLIDE_STATE
from stapes.export.c.audio.stage import c_stage
from stapes.export.c.runtime import RUNTIME
from stapes.firmware_sim.audio.path import AudioPath
from stapes.firmware_sim.audio.rfft_q31 import RfftQ31
from stapes.firmware_sim.audio.tensors import mask_values, quantise_features
from stapes.models.audio import Quantity, kinds
from stapes.models.audio.controls import ALL, with_controls
from stapes.models.gru_mask import GruMaskConfig
from stapes.quantize.audio.c_struct import members, struct_name
from stapes.quantize.audio.controls import limits, places, rest_words
from stapes.quantize.audio.level import LevelParams
from stapes.quantize.audio.rfft import RfftTables
from stapes.quantize.audio.scaling import TensorScaling, feature_scaling, mask_scaling
from stapes.quantize.graph import Tensor

from tests.deep_filter_features import features_path, small_path
from tests.firmware_sim.audio_c import BUILDS, CAudioPath, c_mask_values, c_quantise_features
from tests.firmware_sim.audio_signals import extremes
from tests.firmware_sim.equaliser_paths import TEN, equaliser_path
from tests.helpers import sound_path_of, spectral_path

SECONDS, FRAMES = 1.2, 300
FRONTENDS = {
    "magnitude": sound_path_of(),
    "log and gains": sound_path_of(features="log", gain_input=True, mask_floor_db=-20.0),
    "mask on the noisy spectrum": sound_path_of(features="log", gain_input=True, mask_floor_db=-15.0, mask_on="noisy"),
    "magnitude of the noisy spectrum": sound_path_of(mask_on="noisy"),
    "the Wiener gain under the mask": sound_path_of(mask_floor_db=-25.0, mask_on="noisy", clear_snr_db=3.0),
    "compressed, short hold": sound_path_of(features="compressed", vad_hold_frames=20),
    "analysis 256": sound_path_of(analysis=256, features="log"),
    "analysis 512": sound_path_of(analysis=512, features="compressed", gain_input=True),
    "analysis 512, magnitude": sound_path_of(analysis=512, startup_frames=1),
    "analysis 64, hop 32": sound_path_of(analysis=64, synthesis=64, hop=32, gamma_max=64.0, xi_min_db=-60.0),
    "analysis 32": sound_path_of(analysis=32, synthesis=32, hop=16, features="log"),
    "complex": sound_path_of(analysis=512, synthesis=512, hop=256, features="complex"),
    "complex, analysis 128": sound_path_of(features="complex"),
    "complex, analysis 512, hop 64": sound_path_of(analysis=512, features="complex"),
    "48 kHz, 960 points, Vorbis": sound_path_of(
        sample_rate=48000, analysis=960, synthesis=960, hop=480, window="vorbis", features="log", gain_input=True
    ),
    "48 kHz, 960 points, complex": sound_path_of(
        sample_rate=48000, analysis=960, synthesis=960, hop=480, window="vorbis", features="complex"
    ),
    "24 kHz, 480 points": sound_path_of(sample_rate=24000, analysis=480, synthesis=480, hop=240),
    "44.1 kHz, 900 points, hop 441": sound_path_of(
        sample_rate=44100, analysis=900, synthesis=882, hop=441, window="sqrt_hann", features="compressed"
    ),
    "32 kHz, 640 points, asymmetric": sound_path_of(sample_rate=32000, analysis=640, synthesis=320, hop=160),
    "8 kHz, 80 points, Hann before": sound_path_of(
        sample_rate=8000, analysis=80, synthesis=80, hop=40, window="hann_analysis", features="log"
    ),
    "log magnitude, Hann twice": spectral_path(512, "hann"),
    "log magnitude to the base 2, a high floor": spectral_path(64, "sqrt_hann", base=2.0, floor=1e-3),
    "Hann behind, complex": sound_path_of(window="hann_synthesis", features="complex"),
    "2048 points": sound_path_of(
        sample_rate=48000, analysis=2048, synthesis=960, hop=480, features="log", mask_on="noisy"
    ),
    "128 points of mixed radix": sound_path_of(mixed_radix=True),
    "1024 points of mixed radix, complex": sound_path_of(
        analysis=1024, synthesis=1024, hop=512, features="complex", mixed_radix=True
    ),
    "the mask alone": sound_path_of(mask_on="alone", mask_floor_db=-20.0),
    "complex features, the mask alone": GruMaskConfig(features="complex", mask_on="alone").sound_path(),
    "complex features behind the Wiener filter": GruMaskConfig(n_fft=256, features="complex").sound_path(),
    "2048 points, magnitude": sound_path_of(analysis=2048, synthesis=1024, hop=512),
    "2048 points, complex features, the mask alone": GruMaskConfig(
        n_fft=2048, synthesis=2048, features="complex", mask_on="alone"
    ).sound_path(),
    "48 kHz, two inputs": features_path(),
    "two inputs, over the mean": small_path(form="mean"),
    "two inputs, at the usual level": small_path(form="level"),
    "two inputs, a mean without memory": small_path(form="level", time_constant=0.003),
    "all controls": with_controls(sound_path_of(), [ALL]),
    "all controls around an equaliser": with_controls(equaliser_path(TEN), [ALL]),
    "analysis 1024": sound_path_of(analysis=1024, xi_smoothing=0.9, noise_smoothing=0.9, vad_threshold=0.3),
}


def reference(sound_path, signals, masks=None, reset_at=None, controls=None):
    """What numpy makes of all signals: for each frame its quantities, the output, and what overlaps the next."""
    python = AudioPath(sound_path, len(signals))
    hop, shape = sound_path.hop, (len(signals), sound_path.mask_size)
    made = []
    for t in range(signals.shape[1] // hop):
        if t == reset_at:
            python.reset()
        if controls is not None:
            python.set_controls(controls[t])
        frame = dict(python.analyse(signals[:, t * hop : (t + 1) * hop]))
        output = python.synthesise(None if masks is None else {"mask_q15": np.broadcast_to(masks[t], shape)})
        inverse = next(stage for kind, stage in python.stages.items() if kind in ("inverse", "wide_inverse"))
        made.append((frame, output, inverse.overlap_q25.copy()))
    return made


def assert_equal_streams(library, sound_path, signals, expected, masks=None, reset_at=None, controls=None):
    """Stream all signals through C; `masks` (T, mask_size) int64 or None, `controls` (T, W) int32 or None."""
    streams = [CAudioPath(library, sound_path) for _ in signals]
    hop = sound_path.hop
    for t in range(signals.shape[1] // hop):
        wanted, output, overlap = expected[t]
        mask = None if masks is None else {"mask_q15": masks[t]}
        frames, outputs = [], []
        for row, stream in enumerate(streams):
            if t == reset_at:
                stream.reset()
            if controls is not None:
                stream.set_controls(controls[t])
            frames.append(stream.analyse(signals[row, t * hop : (t + 1) * hop]))
            outputs.append(stream.synthesise(mask))
        assert set(wanted) <= set(frames[0])
        for name, value in wanted.items():
            assert_equal_rows([frame[name] for frame in frames], value, name, t)
        assert_equal_rows(outputs, output, "output", t)
        assert_equal_rows([stream.arrays["overlap_q25"] for stream in streams], overlap, "overlap", t)
    assert all(stream.fences_stand() for stream in streams)


def assert_equal_rows(made, wanted, name, t):
    """What each stream made against the rows of numpy, which are looked at one by one where they differ."""
    if not np.array_equal(np.stack(made), wanted):
        for row, values in enumerate(made):
            assert np.array_equal(values, wanted[row]), f"{name}, signal {row}, frame {t}"
        raise AssertionError(f"{name}: {np.shape(made)} in C, {wanted.shape} in numpy")


@functools.cache
def all_signals(samples=int(SECONDS * 16000)):
    return np.stack(list(extremes(samples).values()))


def signals_of(sound_path):
    """The extremes over 1.2 s at 16 kHz, or over as many frames where those are shorter."""
    return all_signals(min(int(SECONDS * 16000), FRAMES * sound_path.hop))


@functools.lru_cache(maxsize=1)
def reference_of(name):
    return reference(FRONTENDS[name], signals_of(FRONTENDS[name]))


# The build varies first, so that what numpy makes of a path is made once for all builds.
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", FRONTENDS)
def test_every_quantity_of_every_frame(audio_library, build, name):
    signals = signals_of(FRONTENDS[name])
    if build != "gcc":
        signals = signals[:, : signals.shape[1] // 2]
    assert_equal_streams(audio_library(build), FRONTENDS[name], signals, reference_of(name))


@pytest.mark.parametrize("name", FRONTENDS)
def test_with_a_mask_of_any_values(audio_library, name):
    sound_path = FRONTENDS[name]
    signals = signals_of(sound_path)
    signals = signals[:, : signals.shape[1] // 2]
    rng = np.random.default_rng(5)
    lowest, _ = sound_path.mask.known_limits
    masks = rng.integers(lowest, 2**15, (signals.shape[1] // sound_path.hop, sound_path.mask_size))
    masks[::3] = rng.choice([lowest, 2**15 - 1], masks[::3].shape)
    masks[1::3] = lowest
    assert_equal_streams(audio_library("sanitised"), sound_path, signals, reference(sound_path, signals, masks), masks)


@pytest.mark.parametrize("build", BUILDS)
def test_all_gains_at_one(audio_library, build):
    signals = all_signals()[:, :9600]
    python = AudioPath(sound_path_of(), len(signals))
    streams = [CAudioPath(audio_library(build), sound_path_of()) for _ in signals]
    for t in range(150):
        block = signals[:, t * 64 : (t + 1) * 64]
        python.analyse(block)
        python.frame["gain_q15"] = np.full_like(python.frame["gain_q15"], 2**15)
        output = python.synthesise()
        for row, stream in enumerate(streams):
            stream.analyse(block[row])
            stream.arrays["gain_q15"][:] = 2**15
            assert np.array_equal(stream.synthesise(), output[row])


def test_a_reset_in_mid_stream(audio_library):
    sound_path, signals = FRONTENDS["log and gains"], all_signals()
    expected = reference(sound_path, signals, reset_at=101)
    assert_equal_streams(audio_library("gcc"), sound_path, signals, expected, reset_at=101)


def test_a_path_after_reset_is_a_new_path():
    sound_path, signals = FRONTENDS["log and gains"], all_signals()
    used, new = AudioPath(sound_path, len(signals)), AudioPath(sound_path, len(signals))
    for t in range(60):
        used.analyse(signals[:, t * 64 : (t + 1) * 64])
        used.synthesise()
    used.reset()
    for t in range(60, 160):
        block = signals[:, t * 64 : (t + 1) * 64]
        first, second = used.analyse(block), new.analyse(block)
        assert all(np.array_equal(first[key], second[key]) for key in first)
        assert np.array_equal(used.synthesise(), new.synthesise())


def without_the_wheel(path):
    """The same path with the definition of the transform in numpy."""
    for kind in ("transform", "inverse"):
        stage = path.stages[kind]
        stage.rfft = RfftQ31(stage.params.rfft, use_wheel=False)
    return path


def test_a_batch_is_its_utterances_alone():
    sound_path, signals = FRONTENDS["log and gains"], all_signals(75 * 64)
    batch = AudioPath(sound_path, len(signals))
    alone = [without_the_wheel(AudioPath(sound_path, 1)) for _ in signals]
    for t in range(signals.shape[1] // 64):
        block = signals[:, t * 64 : (t + 1) * 64]
        expected = batch.analyse(block)
        output = batch.synthesise()
        for row, path in enumerate(alone):
            frame = path.analyse(block[row : row + 1])
            assert all(np.array_equal(frame[key][0], expected[key][row]) for key in frame)
            assert np.array_equal(path.synthesise()[0], output[row])


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize(("scale", "zero_point"), [(2.0**-8, 0), (0.0317, -11), (81.5 / 32768, 0), (2.0**-15, 3)])
def test_quantised_features(audio_library, build, dtype, scale, zero_point):
    tensor = Tensor("x", (1, 65), dtype, np.array([scale], np.float32), zero_point)
    scaling = feature_scaling(sound_path_of().features, tensor)
    rng = np.random.default_rng(0)
    features = rng.integers(-(2**30), 2**30, 100_000) >> rng.integers(0, 30, 100_000)
    features[:4] = 0, 1, -1, 2**30 - 1
    quantised = quantise_features(features, scaling)
    assert np.array_equal(c_quantise_features(audio_library(build), features, scaling, np.dtype(dtype)), quantised)
    nearest = np.clip(np.round(features / 2**20 / np.float64(tensor.scale[0])) + zero_point, *tensor.limits)
    assert np.abs(quantised - nearest).max() <= 1


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [("int8", 2.0**-8, -128), ("int16", 2.0**-15, 0), ("int8", 0.0041, -120)]
)
@pytest.mark.parametrize("name", ["magnitude", "complex"])
def test_a_mask_from_its_tensor(audio_library, name, build, dtype, scale, zero_point):
    asked = FRONTENDS[name].mask
    tensor = Tensor("mask", (1, 65), dtype, np.array([scale], np.float32), zero_point)
    values = np.arange(tensor.limits[0], tensor.limits[1] + 1).astype(dtype)
    scaling = mask_scaling(asked, tensor)
    mask_q15 = mask_values(values, scaling)
    assert np.array_equal(c_mask_values(audio_library(build), values, scaling), mask_q15)
    lowest, _ = asked.known_limits
    real = np.clip((values.astype(int) - zero_point) * np.float64(tensor.scale[0]) * 2**15, lowest, 2**15 - 1)
    assert np.abs(mask_q15 - real).max() <= 1


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "fraction"),
    [
        ("int8", 0.031, -17, 27),
        ("int16", 2.0**-13, 0, 27),
        ("int16", 1.3e-4, 0, 27),
        ("int16", 1.3e-4, 0, 26),
        ("int16", 1.3e-4, 0, 20),
        ("int16", 1.3e-4, 0, 12),
        ("int16", 1.3e-4, 0, 9),
    ],
)
def test_an_output_that_is_asked_for_in_32_bits(audio_library, build, dtype, scale, zero_point, fraction):
    """Coefficients of a filter may be beyond one; they keep the resolution of their tensor, or are rounded to that asked for."""
    limit = 2 ** (fraction + 3)
    asked = Quantity(f"coefs_q{fraction}", "int32", (96, 10), "", "", "asked", (-limit, limit), "coefs")
    tensor = Tensor("coefs", (1, 96, 1, 10), dtype, np.array([scale], np.float32), zero_point)
    values = np.arange(tensor.limits[0], tensor.limits[1] + 1).astype(dtype)
    scaling = mask_scaling(asked, tensor)
    made = mask_values(values, scaling)
    assert np.array_equal(c_mask_values(audio_library(build), values, scaling, "int32"), made)
    real = np.clip((values.astype(int) - zero_point) * np.float64(tensor.scale[0]) * 2**fraction, -limit, limit)
    assert np.abs(made - real).max() <= 1 + limit / 2**31
    assert np.abs(made).max() > 2**fraction


@pytest.mark.parametrize("kind", kinds())
def test_headers_declare_the_structs_of_their_one_description(kind):
    """Constants are described by the dataclass, states by the exporter; arrays are pointers in both."""
    header = (RUNTIME / "audio" / f"stapes_{kind}.h").read_text()
    params = importlib.import_module(f"stapes.quantize.audio.{kind}").Params
    other = re.search(rf"typedef stapes_(\w+)_params stapes_{kind}_params;", header)
    holder = other[1] if other else kind
    described = (RUNTIME / "audio" / f"stapes_{holder}.h").read_text()
    assert declared(described, f"stapes_{holder}_params") == [member.declaration for member in members(params)]
    state = c_stage(kind).state
    if "level_q24" in [member.name for member in state]:
        assert f"typedef stapes_level_state stapes_{kind}_state;" in header
        header = (RUNTIME / "audio" / "stapes_level.h").read_text()
        assert declared(header, "stapes_level_state") == [member.declaration for member in state]
    elif state == GLIDE_STATE:
        assert f"typedef stapes_glide_state stapes_{kind}_state;" in header
        glide = (RUNTIME / "audio" / "stapes_glide.h").read_text()
        assert declared(glide, "stapes_glide_state") == [member.declaration for member in state]
    elif state:
        assert declared(described, f"stapes_{holder}_state") == [member.declaration for member in state]
    else:
        assert f"stapes_{kind}_state" not in header


@pytest.mark.parametrize(
    "kind", [kind for kind, stage in kinds().items() if any(not control.apart for control in stage().controls)]
)
def test_headers_declare_the_controls_of_their_stage(kind):
    """Words of 32 bits in the order of the stage's controls."""
    header = (RUNTIME / "audio" / f"stapes_{kind}.h").read_text()
    sizes = {c.name: "".join(f"[{size}]" for size in c.shape) for c in kinds()[kind]().controls}
    assert declared(header, f"stapes_{kind}_controls") == [f"int32_t {name}{size};" for name, size in sizes.items()]


@pytest.mark.parametrize(
    ("header", "params"),
    [("stapes_rfft_q31.h", RfftTables), ("stapes_level.h", LevelParams), ("stapes_audio.h", TensorScaling)],
)
def test_headers_declare_the_structs_that_stages_share(header, params):
    text = (RUNTIME / "audio" / header).read_text()
    assert declared(text, struct_name(params)) == [member.declaration for member in members(params)]


def declared(header, name):
    """The members of a struct in a header, without comments, the header's own constants as their numbers."""
    body = re.search(rf"typedef struct \{{([^}}]*)\}} {name};", header)[1]
    for constant, number in re.findall(r"#define (\w+) (\d+)$", header, re.MULTILINE):
        body = re.sub(rf"\b{constant}\b", number, body)
    return [line.strip() for line in re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL).splitlines() if line.strip()]


@pytest.mark.parametrize("name", ["all controls", "all controls around an equaliser"])
def test_stages_agree_under_random_controls(audio_library, name):
    sound_path, signals = FRONTENDS[name], all_signals()[:, :9600]
    blocks = signals.shape[1] // sound_path.hop
    rng = np.random.default_rng(7)
    masks = rng.integers(0, 2**15, (blocks, sound_path.mask_size))
    track = np.stack(
        [
            rng.choice([*limits(place.control), rest], blocks)
            for place, rest in zip(places(sound_path), rest_words(sound_path), strict=True)
        ],
        axis=1,
    )
    track = np.repeat(track[::5], 5, axis=0)[:blocks].astype(np.int32)
    given = {"masks": masks, "reset_at": 51, "controls": track}
    expected = reference(sound_path, signals, **given)
    assert_equal_streams(audio_library("sanitised"), sound_path, signals, expected, **given)
