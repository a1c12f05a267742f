"""A network in the path steers its equaliser: a latent in, the same bits on every engine, one slice a hop."""

import ctypes
import dataclasses
import json

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.firmware_sim.audio.neural_equaliser import Twin
from stapes.firmware_sim.audio.path import AudioPath
from stapes.firmware_sim.audio.tensors import quantise_features
from stapes.firmware_sim.audio.white_box import controls_of
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.cortex_m7 import CortexM7
from stapes.firmware_sim.engines.native import Native
from stapes.firmware_sim.engines.network import run_network
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.audio import SoundPath
from stapes.models.audio.controls import read_changes, with_controls
from stapes.models.audio.neural_equaliser import NeuralEqualiser, with_neural_equaliser
from stapes.models.audio.stage import from_table
from stapes.models.checkpoint import save
from stapes.models.errors import StapesError
from stapes.models.sound_files import read_audio, write_audio
from stapes.quantize.audio.controls import control_track, places, rest_words
from stapes.quantize.audio.neural_equaliser import params
from stapes.quantize.audio.steering import steering_network
from stapes.tools.audio import DEMO
from stapes.tools.bundle import load_bundle

from tests.export.networks import network
from tests.export.programs import STAMP
from tests.firmware_sim.test_controls import Program
from tests.helpers import random_network
from tests.machine import require
from tests.tools.test_steer import SMALL
from tests.tools.test_white_box import decoder, float_parameters, state_of  # noqa: F401

HOP = 64
NAMES = ("frequency_q8", "gain_db_q16", "quality_q16")


def graph_of(decoder, bands):  # noqa: F811
    return load_bundle(decoder(bands, bands == 10, "parametric_decoder." if bands == 10 else "")).graph


@pytest.fixture
def steered(decoder):  # noqa: F811
    """bands -> the small network, its path with a neural equaliser and a volume, and the stage."""

    def get(bands=5):
        net = network("small")
        path = with_neural_equaliser(net.sound_path, steering_network(graph_of(decoder, bands), "decoder"))
        stage = next(stage for stage in path.stages if isinstance(stage, NeuralEqualiser))
        return net, with_controls(path, ["volume"]), stage

    return get


@pytest.fixture
def exported(steered, once):
    """The C of the path of five bands, only to be read."""

    def fill(folder):
        net, path, _ = steered()
        export_c(net.graph, folder / "ear", name="ear", sound_path=path, stamp=STAMP)

    return once("neural_c", fill) / "ear"


def latents(count, seed):
    return np.round(np.random.default_rng(seed).standard_normal((count, 512)) * 2**20).astype(np.int64)


def latent_words(path):
    return next(place.words for place in places(path) if place.control.apart)


def track_of(path: SoundPath, blocks: int, starts: list[int], seed: int = 0) -> np.ndarray:
    """A new latent at each of these blocks, every third one of them zeros alone."""
    track = np.tile(rest_words(path), (blocks, 1))
    for number, (start, row) in enumerate(zip(starts, latents(len(starts), seed), strict=True)):
        track[start:, latent_words(path)] = 0 if number % 3 == 2 else row
    return track


@pytest.mark.parametrize("bands", [5, 10])
def test_slices_give_what_the_decoder_gives(steered, decoder, bands):  # noqa: F811
    """In every bit; and in float what the design in double gives, within what its weights of 8 bits allow."""
    _, path, stage = steered(bands)
    p, graph = params(stage, path.transform), graph_of(decoder, bands)
    assert from_table(json.loads(json.dumps(stage.to_table())), "stage") == stage
    twin, told, rows = Twin(p, 1), [], latents(5, 3)
    for row in rows:
        twin.controls = {"latent_q20": row}
        for hop in range(p.slices + 1):
            assert (twin.slice < 0) == (hop == 0)
            twin._steer()
        told.append(twin.told[:, :bands])
    assert twin.slice < 0
    codes = quantise_features(rows, p.tensor)
    made = run_network(NumpyNetwork(graph), {"latent": codes.reshape(1, len(rows), 1, 512)})
    heads = {name: made[name][0].reshape(len(rows), -1) for name in graph.outputs}
    wanted = controls_of(heads, p.frequency_scale_q31)
    for index, name in enumerate(NAMES):
        assert np.array_equal(np.array(told)[:, index], wanted[name]), name
    real = stage.network.real(rows / 2.0**20)
    _, gain, quality = float_parameters(state_of(bands, bands == 10), rows / 2.0**20)
    assert np.abs(12 * real["gain"] * real.get("weight", 1.0) - gain).max() < 0.05
    assert np.abs(0.5 + 4.5 * real["quality"] - quality).max() < 0.01


def test_no_slice_costs_more_than_the_setting(steered):
    _, path, stage = steered(10)
    for macs in (512, 1000, 2048, 100_000):
        p = params(dataclasses.replace(stage, macs_a_hop=macs), path.transform)
        cost = [op[5] if op[0] == 0 else 16 for op in p.operators.tolist()]
        spent = np.array([cost[op] * count for op, _, count in p.parts.tolist()])
        sums = np.add.reduceat(spent, [0, *p.ends[:-1]])
        # A block of four rows of a product is not cut.
        assert sums.max() <= max(macs, 4 * 512)
        for index, op in enumerate(p.operators.tolist()):
            mine = [(first, count) for part, first, count in p.parts.tolist() if part == index]
            assert mine[0][0] == 0
            assert [first + count for first, count in mine] == [*(first for first, _ in mine[1:]), op[4]]


def test_engines_agree_with_latents_at_random_blocks(steered, exported):
    """One that comes while the network is busy waits; of several only the last one is taken; zeros alone make all flat again."""
    net, path, _ = steered()
    signal = np.random.default_rng(1).integers(-8000, 8000, (2, 450 * HOP)).astype(np.int16)
    track = track_of(path, 450, [0, 3, 100, 139, 140, 300])
    expected = Pipeline(path, NumpyNetwork(net.graph)).run(signal, controls=track).audio_q15
    made = CompiledPipeline(Native(flags=("-O2",)), exported, net.graph, path)
    assert np.array_equal(made.run(signal, controls=track).audio_q15, expected)
    at_rest = Pipeline(path, NumpyNetwork(net.graph)).run(signal[:1]).audio_q15
    assert np.array_equal(made.run(signal[:1]).audio_q15, at_rest)
    assert np.abs(at_rest.astype(int) - expected[:1]).max() > 100


def test_the_qemu_device_agrees(steered, exported):
    require("cortex-m7-qemu")
    net, path, _ = steered()
    signal = np.random.default_rng(2).integers(-8000, 8000, (1, 170 * HOP)).astype(np.int16)
    track = track_of(path, 170, [1, 60])
    expected = Pipeline(path, NumpyNetwork(net.graph)).run(signal, controls=track).audio_q15
    made = CompiledPipeline(CortexM7(qemu=True), exported, net.graph, path).run(signal, controls=track)
    assert np.array_equal(made.audio_q15, expected)


@pytest.mark.needs("cortex-m7")
def test_no_hop_of_the_network_takes_3000_instructions(steered, exported, monkeypatch):
    """Every hop of a latent is counted, under bits that are held to numpy's."""
    net, path, stage = steered()
    counted = []
    from stapes.firmware_sim.cortex_m7 import measure as module

    count = module._count
    monkeypatch.setattr(module, "_count", lambda *given: counted.extend(count(*given)) or counted)
    slices = params(stage, path.transform).slices
    signal = np.random.default_rng(1).integers(-8000, 8000, (slices + 4) * HOP).astype(np.int16)
    calls = Hops(net.graph, path, signal, track_of(path, slices + 4, [2]))
    measure(exported, calls, counted_hops=slices + 4)
    spent = [one.by_stage["network of the equaliser"] for one in counted]
    assert max(spent[:2] + spent[-1:]) <= 200, "at rest"
    assert min(spent[2:-1]) > 400
    assert max(spent) <= 2_900
    assert np.mean(spent[2:-1]) <= 2_300


@pytest.fixture
def program(exported, tmp_path):
    """As a firmware calls it."""
    made = Program(exported, tmp_path)
    made.start()
    return made


def test_the_device_refuses_a_latent_as_a_whole(steered, program):
    """The old one stays; after a reset it is computed anew. As in the simulator, block by block."""
    _, path, _ = steered()
    c, context = program.c, program.context
    good = latents(2, 5).astype(np.int32)
    bad = good[1].copy()
    bad[511] = (64 << 20) + 1
    pointer = lambda row: row.ctypes.data_as(ctypes.c_void_p)  # noqa: E731
    assert c.ear_set_latent(context, pointer(good[0])) == 0
    statuses = [c.ear_set_latent(context, row) for row in (pointer(bad), None, ctypes.c_void_p(good.ctypes.data + 1))]
    names = ("STAPES_OUT_OF_RANGE", "STAPES_NULL_POINTER", "STAPES_MISALIGNED")
    assert [status != 0 for status in statuses] == [True] * 3
    assert len(set(statuses)) == len(names)
    assert c.ear_set_latent(ctypes.create_string_buffer(len(context)), pointer(good[0])) != 0
    net = network("small")
    python, engine = AudioPath(path, 1), NumpyNetwork(net.graph)
    track = np.tile(rest_words(path), (330, 1))
    track[:, latent_words(path)] = good[0]
    signal = np.random.default_rng(3).integers(-8000, 8000, (330, HOP)).astype(np.int16)
    half = Pipeline(path, engine).run(signal[:160].reshape(1, -1), controls=track).audio_q15.reshape(-1, HOP)
    assert np.array_equal(np.stack([program.process(block) for block in signal[:160]]), half)
    assert c.ear_reset(context) == 0
    # A path after a reset is a new path with the same latent.
    again = Pipeline(path, engine).run(signal[160:].reshape(1, -1), controls=track).audio_q15.reshape(-1, HOP)
    assert np.array_equal(np.stack([program.process(block) for block in signal[160:]]), again)
    assert python.stages["neural_equaliser"].slice < 0


def test_a_file_of_latents_is_held_to_its_form(steered):
    _, path, _ = steered()

    def read(latent):
        return read_changes({"change": [{"seconds": 0.1, "neural_equaliser": {"latent": latent}}]}, path, "file")

    track = control_track(path, read([0.5] * 512), 100 * HOP)
    assert (track[25:, latent_words(path)] == 1 << 19).all()
    assert not track[:25, latent_words(path)].any()
    for latent, words in (
        ([0.0] * 511, "latent"),
        ([float("nan")] * 512, "latent"),
        ([0.0] * 511 + [65.0], "latent"),
        (["a"] * 512, "latent"),
    ):
        with pytest.raises(StapesError, match=words) as found:
            read(latent)
        assert "\n" not in str(found.value)


def test_a_network_that_was_written_by_hand_is_refused(steered):
    _, _, stage = steered()
    table = stage.to_table()

    def refused(change):
        copied = json.loads(json.dumps(table))
        change(copied["network"])
        with pytest.raises(StapesError) as found:
            from_table(copied, "stage")
        return str(found.value)

    first = lambda net: net["layers"][0]  # noqa: E731
    assert "holds no 131072 values" in refused(lambda net: first(net).update(weights="AAAA"))
    assert "holds no 131072 values" in refused(lambda net: first(net).update(weights="no base64"))
    assert "reads 1 vectors that are made before it" in refused(lambda net: first(net).update(reads=["gain"]))
    assert "a scale that is none" in refused(lambda net: first(net).update(scale=0.0))
    assert "gives no frequency" in refused(lambda net: net["layers"].pop())
    assert "for 510 values" in refused(lambda net: net.update(latents=510))
    assert "kind" in refused(lambda net: first(net).update(kind="SOFTMAX"))


def test_from_the_decoder_to_sound(stapes, decoder, once):  # noqa: F811
    """quantize --steering, simulate --controls, inspect: one bundle."""

    def fill(folder):
        folder.mkdir()
        small = random_network(SMALL)
        save(folder / "ear.pt", small, small.config.sound_path())
        write_audio(folder / "noisy.wav", read_audio(DEMO / "machine_noisy.flac")[16_000:32_000])
        given = ("--calibration", folder / "noisy.wav", "-o", folder / "ear", "--steering", decoder(5))
        done = stapes("quantize", folder / "ear.pt", *given)
        assert done.code == 0, done

    folder = once("neural_ear", fill)
    row = np.random.default_rng(2).standard_normal(512).tolist()
    numbers = ", ".join(f"{value:.6f}" for value in row)
    (folder / "controls.toml").write_text(f"[[change]]\nseconds = 0.1\nneural_equaliser.latent = [{numbers}]\n")
    sounds = []
    for engine in ("numpy", "native"):
        out = folder / f"{engine}.wav"
        given = ("-o", out, "--engine", engine, "--controls", folder / "controls.toml")
        done = stapes("simulate", folder / "ear", folder / "noisy.wav", *given)
        assert done.code == 0, done
        sounds.append(read_audio(out))
    assert np.array_equal(*sounds)
    assert stapes("inspect", folder / "ear").code == 0
    failed = stapes("quantize", folder / "ear.pt", "-o", folder / "other", "--steering", folder / "ear").error
    assert "no parametric decoder of a white-box network" in failed
