"""Controls at run time: what a wearer sets is taken between two blocks, by every engine alike."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.firmware_sim.audio.path import AudioPath
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.cortex_m7 import CortexM7
from stapes.firmware_sim.engines.native import Native
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.audio import SoundPath
from stapes.models.audio.controls import ALL, Change, read_changes, read_programs, with_controls
from stapes.models.audio.steered_equaliser import steered_bands
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline, synthesise
from stapes.models.sound_files import q15_to_float
from stapes.quantize.audio.controls import control_track, places, reals, rest_words, with_programs
from stapes.tools.bench.material import random_controls

from tests.compiling import compile_all
from tests.export.networks import network
from tests.export.programs import STAMP, compile_files, compiler
from tests.firmware_sim.audio_signals import extremes
from tests.helpers import sound_path_of
from tests.machine import cmsis_dsp, require

HOP = 64


PROGRAMS = {"program": [{"strength": {"mix": 0.5}}, {"strength": {"mix": 0.25}, "mask_floor": {"floor_db": -12.0}}]}


def programmed(sound_path: SoundPath) -> SoundPath:
    """A path with two programs besides the one at rest."""
    return with_programs(sound_path, read_programs(PROGRAMS, sound_path, "programs.toml"))


@pytest.fixture(scope="module")
def controlled():
    """A small network, and its path with all controls and with programs."""
    net = network("small")
    return net, programmed(with_controls(net.sound_path, [ALL]))


@pytest.fixture(scope="module")
def exported(controlled, tmp_path_factory):
    net, sound_path = controlled
    folder = tmp_path_factory.mktemp("controls") / "ear"
    export_c(net.graph, folder, name="ear", sound_path=sound_path, stamp=STAMP)
    return folder


def test_at_rest_the_bits_are_those_of_the_path_without_controls(controlled):
    net, sound_path = controlled
    made = Pipeline(sound_path, NumpyNetwork(net.graph)).run(net.audio_in_q15[None])
    assert np.array_equal(made.audio_q15, net.run.audio_q15)


def test_c_and_numpy_agree_under_random_controls(controlled, exported):
    net, sound_path = controlled
    signals = np.stack(list(extremes(6_400).values()))
    track = random_controls(sound_path, signals.shape[1] // HOP)
    expected = Pipeline(sound_path, NumpyNetwork(net.graph)).run(signals, controls=track).audio_q15
    engine = CompiledPipeline(Native(flags=("-O2",)), exported, net.graph, sound_path)
    assert np.array_equal(engine.run(signals, controls=track).audio_q15, expected)
    at_rest = Pipeline(sound_path, NumpyNetwork(net.graph)).run(signals).audio_q15
    assert np.array_equal(engine.run(signals).audio_q15, at_rest)
    assert not np.array_equal(at_rest, expected)


@pytest.mark.parametrize("qemu", [False, True])
def test_the_device_agrees_under_random_controls(controlled, exported, qemu):
    require("cortex-m7-qemu" if qemu else "cortex-m7")
    net, sound_path = controlled
    signal = net.audio_in_q15[None, :1_600]
    track = random_controls(sound_path, 25, seed=3)
    expected = Pipeline(sound_path, NumpyNetwork(net.graph)).run(signal, controls=track).audio_q15
    made = CompiledPipeline(CortexM7(qemu=qemu), exported, net.graph, sound_path).run(signal, controls=track)
    assert np.array_equal(made.audio_q15, expected)


def with_mask(sound_path: SoundPath, signals_q15: np.ndarray, track: np.ndarray, mask: float) -> np.ndarray:
    """The integer path (B, S) around a network whose mask is one number."""
    path = AudioPath(sound_path, len(signals_q15))
    asked = {"mask_q15": np.full((len(signals_q15), sound_path.mask_size), round(mask * 2**15))}
    made = []
    for words, block in zip(track, np.split(signals_q15, len(track), axis=1), strict=True):
        path.set_controls(words)
        path.analyse(block)
        made.append(path.synthesise(asked))
    return np.concatenate(made, axis=1)


ALONE = with_controls(sound_path_of(mask_on="alone"), [ALL])
STEPS = {
    "strength": {"strength": {"mix": 0.0}},
    "mask floor": {"mask_floor": {"floor": 1.0}},
    "volume": {"volume": {"gain": 0.0}},
    "bypass": {"bypass": {"on": 1.0}},
}


def changed(settings: dict) -> Change:
    return Change(0.4, {kind: {name: np.asarray(v) for name, v in told.items()} for kind, told in settings.items()})


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_a_control_makes_no_click(name, back):
    """Under sines no sample differs from its neighbour by more than in the louder of the two sounds before and after the step.

    Both samples are rounded, so that a difference may be one last bit larger.
    """
    time = np.arange(16_000 - 16_000 % HOP) / 16_000
    sines = np.stack([np.sin(2 * np.pi * f * time + p) for f in (120, 440, 1000, 3000, 7000) for p in (0.0, 1.3)])
    signals = np.round(20_000 * sines).astype(np.int16)
    track = control_track(ALONE, [changed(STEPS[name])], signals.shape[1])
    if back:
        track = track[::-1].copy()
    made = np.diff(with_mask(ALONE, signals, track, mask=0.1).astype(int), axis=1)
    before, after = np.abs(made[:, 2000:5000]).max(axis=1), np.abs(made[:, -3000:]).max(axis=1)
    assert (np.abs(before - after) > 50).all(), "the step changes something"
    assert (np.abs(made[:, 2000:]).max(axis=1) <= np.maximum(before, after) + 1).all()


def test_a_bypass_is_the_input_as_late_as_the_path():
    rng = np.random.default_rng(0)
    signals = rng.integers(-(2**15), 2**15, (2, 3_200)).astype(np.int16)
    on = control_track(ALONE, [Change(0.0, {"bypass": {"on": np.asarray(1.0)}})], 3_200)
    made = with_mask(ALONE, signals, on, mask=0.1)
    assert np.array_equal(made[:, ALONE.delay :], signals[:, : -ALONE.delay])


def test_no_strength_is_the_input_too():
    rng = np.random.default_rng(0)
    signals = rng.integers(-(2**15), 2**15, (2, 3_200)).astype(np.int16)
    off = control_track(ALONE, [Change(0.0, {"strength": {"mix": np.asarray(0.0)}})], 3_200)
    assert np.array_equal(with_mask(ALONE, signals, off, mask=0.1)[:, 64:], signals[:, :-64])


def test_the_integers_follow_float():
    """Each control at its own value, and on the way there."""
    time = np.arange(16_000) / 16_000
    signals = np.round(8_000 * np.sin(2 * np.pi * 440 * time + np.sin(5 * time)))[None].astype(np.int16)
    changes = [changed(STEPS[name]) for name in ("strength", "volume")]
    changes = [Change(0.2 + 0.3 * i, change.settings) for i, change in enumerate(changes)]
    changes.append(Change(0.7, {"volume": {"gain": np.asarray(1.5)}, "bypass": {"on": np.asarray(1.0)}}))
    track = control_track(ALONE, changes, signals.shape[1])
    made = with_mask(ALONE, signals, track, mask=0.25)
    given = reals(ALONE, track)
    found = FloatPipeline(ALONE).analyse(q15_to_float(signals), given)
    found["mask"] = np.full((1, len(track), ALONE.mask_size), 0.25)
    reference = synthesise(ALONE, found, given)
    assert np.abs(made / 2**15 - reference).max() < 3e-4
    stages = [stage.start(ALONE.transform, 1) for stage in ALONE.stages]
    for t, block in enumerate(np.split(q15_to_float(signals), len(track), axis=1)):
        values = {"block": block, "mask": np.full((1, ALONE.mask_size), 0.25)}
        for settings, stage in zip(ALONE.stages, stages, strict=True):
            if settings.controls:
                stage.controls = {name: value[t] for name, value in given[settings.kind].items()}
            values |= stage.step(values)
        assert np.allclose(values["output"], reference[:, t * HOP : (t + 1) * HOP], rtol=0, atol=1e-12)


def test_changes_are_taken_from_the_first_block_that_begins_then_or_later():
    change = {"change": [{"seconds": 0.0041, "volume": {"gain": 2.0}}, {"seconds": 0.0, "bypass": {"on": True}}]}
    track = control_track(ALONE, read_changes(change, ALONE, "file"), 300)
    on, gain = (place.words for place in places(ALONE) if place.kind in ("bypass", "volume"))
    assert track[:, on].ravel().tolist() == [1] * 5
    assert track[:, gain].ravel().tolist() == [2**16] * 2 + [2**17] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volum": {"gain": 1.0}}, "unknown key 'volum' in change\\[0\\]; known are seconds, mask_floor, strength"),
        ({"volume": {"gain": 16.5}}, "volume.gain is 16.5; give 0 to 16"),
        ({"volume": {"gain_db": 25.0}}, "volume.gain_db is 25; give 24.08 dB at most"),
        ({"volume": {"gain": 1.0, "gain_db": 0.0}}, "are the same control"),
        ({"strength": {"mix": -0.1}}, "strength.mix is -0.1; give 0 to 1"),
        ({"bypass": {"on": 1}}, "it must be true or false"),
        ({"seconds": -1.0}, "seconds is -1; give 0 or more"),
        ({"seconds": "now"}, "it must be a number"),
    ],
)
def test_what_no_device_takes_is_one_line(change, message):
    with pytest.raises(StapesError, match=message):
        read_changes({"change": [{"seconds": 0.0} | change]}, ALONE, "mine.toml")


def test_a_path_without_controls_takes_none():
    with pytest.raises(StapesError, match="no controls; make the bundle with stapes quantize --controls"):
        read_changes({"change": []}, sound_path_of(), "mine.toml")


@pytest.mark.parametrize(
    ("path", "words", "message"),
    [
        (
            sound_path_of(),
            ["loudness"],
            "'loudness': unknown; give some of mask_floor, strength, steered_equaliser, bypass, volume, or all",
        ),
        (ALONE, ["volume"], "--controls volume: the path has this stage already"),
        (sound_path_of(), ["steered_equaliser:0"], "--controls steered_equaliser: bands 0: give 1 to 10"),
        (sound_path_of(), ["steered_equaliser:11"], "--controls steered_equaliser: bands 11: give 1 to 10"),
        (sound_path_of(), ["steered_equaliser:"], "'steered_equaliser:': no number of bands stands behind the colon"),
        (sound_path_of(), ["steered_equaliser:-1"], "'steered_equaliser:-1': no number of bands stands behind"),
        (sound_path_of(), ["steered_equaliser:" + "9" * 5000], "no number of bands stands behind the colon"),
        (
            sound_path_of(),
            ["steered_equaliser:3", "steered_equaliser"],
            "steered_equaliser is told twice; give it once",
        ),
        (sound_path_of(), ["volume:3"], "'volume:3': unknown; give some of mask_floor"),
        (sound_path_of(features="complex"), ["mask_floor"], "'mask_floor' reads mask_q15 of F and is given 2 x F"),
    ],
)
def test_controls_that_a_path_cannot_have(path, words, message):
    with pytest.raises(StapesError, match=message):
        with_controls(path, words)


def test_the_bands_of_the_steered_equaliser_are_told_behind_its_word():
    for words, bands in ((["steered_equaliser"], 5), (["steered_equaliser:10"], 10), ([ALL, "steered_equaliser:1"], 1)):
        path = with_controls(sound_path_of(), words)
        assert steered_bands(path) == bands
        assert (path.stages[-1].kind == "volume") is (ALL in words)
    assert steered_bands(with_controls(sound_path_of(), [ALL])) == 0


def test_a_bypass_waits_as_long_as_the_path():
    tables = with_controls(sound_path_of(), ["bypass"]).to_tables()
    tables[1]["late_frames"] = 3
    with pytest.raises(StapesError, match="waits for 3 frames and the path is 0 late; set late_frames = 0"):
        SoundPath.from_tables(tables)


def test_engines_refuse_what_the_device_refuses(controlled):
    net, sound_path = controlled
    engine = Pipeline(sound_path, NumpyNetwork(net.graph))
    track = np.tile(rest_words(sound_path), (2, 1))
    track[1, -1] = -1
    with pytest.raises(StapesError, match=r"volume\.gain_q16 leaves 0 "):
        engine.run(np.zeros((1, 128), np.int16), controls=track)


class Program:
    """The exported program as a firmware calls it, through ctypes."""

    def __init__(self, folder: Path, work: Path) -> None:
        size = work / "size.c"
        size.write_text(
            f'#include "{folder}/ear.h"\nsize_t ear_size(void);\nsize_t ear_size(void) {{ return sizeof(ear_context); }}\n'
        )
        dsp = cmsis_dsp()
        flags = [*(f for d in dsp.include_dirs for f in ("-isystem", str(d))), *(f"-D{d}" for d in dsp.defines)]
        files = [*folder.glob("*.c"), *(folder / "runtime").rglob("*.c"), size]
        command = [*compiler("gcc"), *flags]
        dsp_objects = compile_all([*command, "-w", "-fPIC"], dsp.c_files, work)
        compile_files(
            command, sorted(f for f in files if "runner" not in f.name), work / "ear.so", "-shared", *dsp_objects
        )
        self.c = ctypes.CDLL(str(work / "ear.so"))
        self.c.ear_version.restype = self.c.ear_bundle_hash.restype = ctypes.c_char_p
        self.c.ear_size.restype = ctypes.c_size_t
        self.context = ctypes.create_string_buffer(self.c.ear_size())

    def start(self) -> None:
        assert self.c.ear_init(self.context, ctypes.c_size_t(self.c.ear_size())) == 0

    def get(self) -> list[int]:
        words = (ctypes.c_int32 * 4)()
        assert self.c.ear_get_controls(self.context, words) == 0
        return list(words)

    def process(self, block: np.ndarray) -> np.ndarray:
        """In place, as `out` may be `in`."""
        made = block.copy()
        assert (
            self.c.ear_process(self.context, made.ctypes.data_as(ctypes.c_void_p), made.ctypes.data_as(ctypes.c_void_p))
            == 0
        )
        return made


@pytest.fixture(scope="module")
def compiled(exported, tmp_path_factory):
    return Program(exported, tmp_path_factory.mktemp("program"))


@pytest.fixture
def program(compiled):
    """As after the start of a device."""
    compiled.start()
    return compiled


def test_a_program_is_chosen_and_the_volume_stays(controlled, program):
    """Of the device, and in a file of changes: the same rows, and the same bits."""
    net, sound_path = controlled
    c, context = program.c, program.context
    changes = {
        "change": [
            {"seconds": 0.0, "volume": {"gain": 0.5}, "strength": {"mix": 0.75}},
            {"seconds": 0.02, "program": 2},
            {"seconds": 0.04, "program": 1, "mask_floor": {"floor": 0.5}},
            {"seconds": 0.06, "program": 0},
        ]
    }
    track = control_track(sound_path, read_changes(changes, sound_path, "mine.toml"), 1_600)
    rows = [[0, 24576, 0, 32768], [8231, 8192, 0, 32768], [16384, 16384, 0, 32768], [0, 32768, 0, 32768]]
    assert track[[0, 5, 10, 15]].tolist() == rows
    expected = Pipeline(sound_path, NumpyNetwork(net.graph)).run(net.audio_in_q15[None, :1_600], controls=track)
    made = []
    for t, block in enumerate(np.split(net.audio_in_q15[:1_600], 25)):
        if t in (5, 15):
            assert c.ear_set_program(context, {5: 2, 15: 0}[t]) == 0
        if t == 10:
            assert c.ear_set_program(context, 1) == 0
            assert program.get() == [0, 16384, 0, 32768]
        if t in (0, 10):
            assert c.ear_set_controls(context, (ctypes.c_int32 * 4)(*rows[t // 5])) == 0
        for bad in (-1, 3, -(2**31), 2**31 - 1):
            assert c.ear_set_program(context, bad) == 7
        assert program.get() == rows[min(t // 5, 3)]
        made.append(program.process(block))
    assert np.array_equal(np.concatenate(made), expected.audio_q15[0])
    assert c.ear_set_program(None, 0) == 1
    assert c.ear_set_program(ctypes.create_string_buffer(c.ear_size()), 0) == 2


def test_programs_are_in_the_tables_of_a_path(controlled):
    _, sound_path = controlled
    tables = sound_path.to_tables()
    assert SoundPath.from_tables(tables) == sound_path
    assert [table["programs"] for table in tables if "programs" in table] == [((0,), (8231,)), ((16384,), (8192,))]
    without = with_controls(sound_path_of(mask_on="alone"), [ALL])
    assert not any("programs" in table for table in without.to_tables())


def test_the_steered_equaliser_has_programs_too():
    bands = {"frequency": [100.0 * k for k in range(1, 11)], "gain_db": [-3.0] * 10}
    path = with_controls(sound_path_of(), ["steered_equaliser", "volume"])
    path = with_programs(path, read_programs({"program": [{"steered_equaliser": bands}]}, path, "p.toml"))
    row = control_track(path, read_changes({"change": [{"seconds": 0.0, "program": 1}]}, path, "c"), HOP)[0]
    rest = rest_words(path)
    assert row.tolist() == [25600 * k for k in range(1, 11)] + [-3 * 2**16] * 10 + rest[20:].tolist()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"program": []}, "0 programs; give 1 to 15 tables"),
        ({"program": [{}] * 16}, "16 programs; give 1 to 15 tables"),
        (
            {"program": [{"volume": {"gain": 0.5}}]},
            "unknown key 'volume' in program\\[0\\]; known are mask_floor, strength",
        ),
        ({"program": [{"strength": {"mix": 1.5}}]}, "program\\[0\\].strength.mix is 1.5; give 0 to 1"),
    ],
)
def test_programs_that_no_device_takes_are_one_line(document, message):
    with pytest.raises(StapesError, match=message):
        read_programs(document, ALONE, "mine.toml")


def test_programs_that_a_path_cannot_have():
    with pytest.raises(StapesError, match="nothing in this path is set by a program; add --controls strength"):
        read_programs(PROGRAMS, sound_path_of(), "mine.toml")
    path = programmed(ALONE)
    with pytest.raises(StapesError, match="has programs already; leave the file out"):
        read_programs(PROGRAMS, path, "mine.toml")
    with pytest.raises(StapesError, match=r"change\[0\]: program is 3; give 0 to 2"):
        read_changes({"change": [{"seconds": 0.0, "program": 3}]}, path, "mine.toml")
    with pytest.raises(StapesError, match="unknown key 'program'"):
        read_changes({"change": [{"seconds": 0.0, "program": 0}]}, ALONE, "mine.toml")
    for rows, message in (
        ([[0]], "'mask_floor' has 2 and stage 'strength' has 1; let both have as many"),
        ([[0], [0, 1]], r"'strength': programs\[1\]: 2 values; give 1"),
        ([[32769], [0]], r"'strength': programs\[0\]: mix_q15 leaves 0 ... 32768"),
        ([[0]] * 16, "'strength': programs: 16 of them; give 15 at most"),
        ([[0.5], [0]], "it must be a whole number"),
    ):
        tables = path.to_tables()
        next(table for table in tables if table["kind"] == "strength")["programs"] = rows
        with pytest.raises(StapesError, match=message):
            SoundPath.from_tables(tables)


def test_the_program_refuses_bad_controls_and_keeps_the_old_ones(controlled, program):
    net, sound_path = controlled
    rest = [0, 32768, 0, 65536]
    assert program.get() == rest
    good = [100, 20000, 1, 30000]
    assert program.c.ear_set_controls(program.context, (ctypes.c_int32 * 4)(*good)) == 0
    for place, value in ((0, -1), (0, 32769), (1, 32769), (2, 2), (2, -1), (3, 1048577), (3, -(2**31))):
        bad = rest.copy()
        bad[place] = value
        assert program.c.ear_set_controls(program.context, (ctypes.c_int32 * 4)(*bad)) == 7
        assert program.get() == good
    assert program.c.ear_set_controls(program.context, None) == 1
    assert (
        program.c.ear_set_controls(ctypes.create_string_buffer(program.c.ear_size()), (ctypes.c_int32 * 4)(*rest)) == 2
    )
    assert (program.c.ear_version(), program.c.ear_bundle_hash()) == (
        STAMP.version.encode(),
        STAMP.bundle_hash.encode(),
    )
    # In place, and on through a reset, which controls outlive.
    signal = net.audio_in_q15[:1_600]
    track = np.tile(np.array(good, np.int32), (25, 1))
    expected = Pipeline(sound_path, NumpyNetwork(net.graph)).run(signal[None], controls=track).audio_q15[0]
    for _ in range(2):
        assert np.array_equal(np.concatenate([program.process(block) for block in np.split(signal, 25)]), expected)
        assert program.c.ear_reset(program.context) == 0


def test_at_rest_controls_take_under_200_instructions_a_hop(controlled, exported, tmp_path):
    require("cortex-m7")
    net, sound_path = controlled
    plain = tmp_path / "plain"
    export_c(net.graph, plain, name="plain", sound_path=net.sound_path, stamp=STAMP)
    signal = net.audio_in_q15[:640]
    with_them, without = (
        measure(folder, Hops(net.graph, path, signal))
        for folder, path in ((exported, sound_path), (plain, net.sound_path))
    )
    assert 0 < with_them.instructions_by_stage["controls"] < 200
    assert with_them.instructions_per_hop - without.instructions_per_hop < 200
