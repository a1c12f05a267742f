"""A network without an audio path: several inputs and outputs, all engines alike over golden vectors and frames, npz in and npz out."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from stapes.firmware_sim.compare import snr_db
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.engines.network import NetworkEngine
from stapes.models.errors import StapesError
from stapes.tools import device_report, network_regression
from stapes.tools.bundle import load_bundle
from stapes.tools.engines import make_network_engine
from stapes.tools.library.export import exported_c

from tests.machine import lacking
from tests.quantize.onnx_models import make

FRAMES = np.random.default_rng(5)
INPUTS = {name: FRAMES.normal(0, 1, (40, size)).astype(np.float32) for name, size in (("x", 12), ("side", 6))}
SIZES = {"y": 8, "level": 6}
ENGINES = ["numpy", "native", "tflm", "cortex-m7", "cortex-m7-qemu"]


def two_ends():
    """x (1, 1, 12), side (1, 6) -> y (1, 1, 8) of a GRU, level (1, 6)."""
    rng = np.random.default_rng(2)
    constants = {"W": rng.normal(0, 0.5, (1, 24, 12)), "R": rng.normal(0, 0.5, (1, 24, 8)), "B": np.zeros((1, 48))}
    constants |= {"M": rng.normal(0, 0.4, (6, 6)), "axes": np.array([1], np.int64)}
    nodes = [
        helper.make_node("GRU", ["x", "W", "R", "B", "", "h"], ["Y", "h_out"], hidden_size=8, linear_before_reset=1),
        helper.make_node("Squeeze", ["Y", "axes"], ["y"]),
        helper.make_node("MatMul", ["side", "M"], ["product"]),
        helper.make_node("Sigmoid", ["product"], ["level"]),
    ]
    inputs = {"x": (1, 1, 12), "side": (1, 6), "h": (1, 1, 8)}
    return make(nodes, inputs, {"y": (1, 1, 8), "level": (1, 6), "h_out": (1, 1, 8)}, constants)


@pytest.fixture(scope="module")
def network(once):
    """A folder with the bundle `b`, and `frames.npz` that it was calibrated on."""
    from stapes.quantize.recipe import load_recipe
    from stapes.tools.library.quantize import quantize

    def fill(folder):
        folder.mkdir()
        np.savez(folder / "frames.npz", **INPUTS)
        onnx.save(two_ends(), folder / "net.onnx")
        recipe = load_recipe("w8a16")
        quantize(folder / "net.onnx", folder / "b", recipe=recipe, calibration=[folder / "frames.npz"])

    return once("two_ends", fill)


def test_every_engine_has_the_bits_of_the_golden_vectors(stapes, network):
    done = stapes("regress", network / "b", "--json")
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["identical"] is True
    expected = {"numpy", *(name for name in ("native", "tflm", "cortex-m7") if not lacking(name))}
    assert set(document["engines"]) == expected
    assert {entry["sha256"] for entry in document["engines"].values()} == {document["engines"]["numpy"]["sha256"]}


class OneOff(NetworkEngine):
    """The reference with one tensor wrong from a frame on, under another engine's name."""

    name = "native"

    def __init__(self, bundle, tensor, frame):
        super().__init__(bundle.graph)
        self.inner, self.tensor, self.frame = make_network_engine("numpy", bundle), tensor, frame

    def _start(self, batch, trace):
        self.inner.start(batch, trace)
        self.at = 0

    def _step(self, inputs):
        made = {name: values.copy() for name, values in self.inner.step(inputs).items()}
        if self.at >= self.frame:
            for name in {self.tensor, "level"} & set(made):
                made[name].reshape(len(made[name]), -1)[0, 3] ^= 1
        self.at += 1
        return made


def test_a_difference_is_named_by_its_first_tensor_frame_and_index(stapes, network, monkeypatch):
    def engine(name, bundle):
        return OneOff(bundle, "product", 7) if name == "native" else make_network_engine(name, bundle)

    monkeypatch.setattr(network_regression, "make_network_engine", engine)
    done = stapes("regress", network / "b", network / "frames.npz", "--engine", "native", "--json")
    assert done.code == 1
    first = json.loads(done.stdout)["first_difference"]
    assert (first["engine"], first["tensor"], first["frame"], first["index"]) == ("native", "product", 7, 3)
    assert "nothing was locked" in stapes("regress", network / "b", "--engine", "native", "--update").error


def test_outputs_are_locked_and_held_to_it(stapes, network, tmp_path):
    shutil.copytree(network / "b", tmp_path / "b")
    run = ("regress", tmp_path / "b", network / "frames.npz", "--engine", "numpy")
    assert json.loads(stapes(*run, "--json").stdout)["locked"] == "not locked"
    assert "locked output: not locked; to lock it" in (said := stapes(*run).stdout)
    assert "--update" in said
    assert json.loads(stapes(*run, "--update", "--json").stdout)["locked"] == "updated"
    assert json.loads(stapes(*run, "--json").stdout)["locked"] == "equal"


@pytest.mark.parametrize("engine", ENGINES)
def test_real_numbers_in_give_real_numbers_and_codes_give_codes(engine, stapes, network, tmp_path):
    if engine != "numpy" and (reason := lacking(engine)):
        pytest.skip(reason)
    graph = load_bundle(network / "b").graph
    done = stapes("simulate", network / "b", network / "frames.npz", "-o", tmp_path / "real.npz", "--engine", engine)
    assert done.code == 0, done.stderr
    with np.load(network / "b" / "vectors.npz") as golden:
        codes = {name: golden[name] for name in graph.outputs}
    with np.load(tmp_path / "real.npz") as made:
        for name, size in SIZES.items():
            real = made[name].reshape(-1, size)
            assert real.dtype == np.float32
            np.testing.assert_array_equal(real[: len(codes[name])], codes[name] * graph.tensors[name].scale[0])
    vectors = network / "b" / "vectors.npz"
    assert stapes("simulate", network / "b", vectors, "-o", tmp_path / "codes.npz", "--engine", engine).code == 0
    with np.load(tmp_path / "codes.npz") as made:
        for name, size in SIZES.items():
            np.testing.assert_array_equal(made[name].reshape(-1, size), codes[name])
            assert made[name].dtype == codes[name].dtype


def test_the_float_network_runs_between_the_same_codes(stapes, network, tmp_path):
    for engine in ("numpy", "float"):
        target = tmp_path / f"{engine}.npz"
        assert stapes("simulate", network / "b", network / "frames.npz", "-o", target, "--engine", engine).code == 0
    with np.load(tmp_path / "numpy.npz") as integer, np.load(tmp_path / "float.npz") as real:
        for name in SIZES:
            assert 30 < snr_db(real[name], integer[name]) < 90


def test_a_folder_of_frames_gives_a_folder_and_what_cannot_be_read_is_named(stapes, network, tmp_path):
    frames, made = tmp_path / "frames", tmp_path / "made"
    (frames / "more").mkdir(parents=True)
    for place in ("a.npz", "more/b.npz"):
        shutil.copy(network / "frames.npz", frames / place)
    np.savez(frames / "c.npz", x=INPUTS["x"])
    run = ("simulate", network / "b", frames, "-o", made, "--engine", "numpy", "--json")
    done = stapes(*run)
    assert done.code == 2
    assert "1 of 3 files could not be read" in " ".join(done.stderr.split())
    document = json.loads(done.stdout)
    assert [Path(entry["input"]).name for entry in document["refused"]] == ["c.npz"]
    assert [entry["output"] for entry in document["files"]] == [str(made / "a.npz"), str(made / "more" / "b.npz")]
    alone = stapes(
        "simulate", network / "b", network / "frames.npz", "-o", tmp_path / "o.npz", "--engine", "numpy", "--json"
    )
    assert {entry["sha256"] for entry in document["files"]} == {json.loads(alone.stdout)["files"][0]["sha256"]}
    assert (made / "more" / "b.npz").read_bytes() == (tmp_path / "o.npz").read_bytes()
    (tmp_path / "none").mkdir()
    assert "no .npz files in this folder" in stapes("simulate", network / "b", tmp_path / "none", "-o", made).error
    assert "would be overwritten" in stapes("simulate", network / "b", frames, "-o", frames, "--engine", "numpy").error


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": INPUTS["x"]}, "side"),
        ({"x": INPUTS["x"], "side": INPUTS["side"][:9]}, "different numbers of frames"),
        ({"x": INPUTS["x"], "side": INPUTS["side"][:, :5]}, "5 values a frame; the network takes 6"),
        ({"x": INPUTS["x"], "side": INPUTS["side"].astype(np.int16)}, "in one form"),
        ({name: values.astype(np.int32) for name, values in INPUTS.items()}, "codes of the tensor as int16"),
        ({"x": INPUTS["x"] * np.nan, "side": INPUTS["side"]}, "NaN"),
        ({name: values[:0] for name, values in INPUTS.items()}, "no frames"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused_by_name(arrays, words, stapes, network, tmp_path):
    np.savez(tmp_path / "bad.npz", **arrays)
    error = stapes("simulate", network / "b", tmp_path / "bad.npz", "-o", tmp_path / "out.npz").error
    assert "bad.npz" in error
    assert words in error
    assert not (tmp_path / "out.npz").exists()


def test_what_needs_sound_says_the_way_on(stapes, network, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    assert "--front-end" in stapes("regress", network / "b", tmp_path / "a.wav").error
    with pytest.raises(StapesError, match=r"\.npz files of frames, for sound .* --front-end"):
        load_bundle(network / "b").require_sound_path()
    text = tmp_path / "text.npz"
    text.write_text("none")
    assert "text.npz" in stapes("regress", network / "b", text).error


# ---- names


def same_ends(inputs, middle, outputs):
    """Each input (1, 6) times a matrix, through a sigmoid: a network whose tensors have these names."""
    rng, nodes, constants = np.random.default_rng(3), [], {}
    for index, names in enumerate(zip(inputs, middle, outputs, strict=True)):
        constants[f"M{index}"] = rng.normal(0, 0.4, (6, 6))
        given, product, made = names
        nodes.append(helper.make_node("MatMul", [given, f"M{index}"], [product]))
        nodes.append(helper.make_node("Sigmoid", [product], [made]))
    sizes = ({name: (1, 6) for name in names} for names in (inputs, outputs))
    model = make(nodes, *sizes, constants)
    model.metadata_props.append(onnx.StringStringEntryProto(key="stapes.states", value="[]"))
    return model


def test_names_that_engines_and_generated_c_use_inside_are_names_of_a_network_like_others(stapes, tmp_path):
    inputs = ("audio_in_q15", "status", "frame", "made", "context")
    middle = ("spectrum_q31", "exponent", "features_q20", "ctx", "wrong")
    outputs = ("audio_out_q15", "report", "count", "i", "self_test")
    rng = np.random.default_rng(4)
    np.savez(tmp_path / "frames.npz", **{name: rng.normal(0, 1, (40, 6)).astype(np.float32) for name in inputs})
    onnx.save(same_ends(inputs, middle, outputs), tmp_path / "net.onnx")
    calibration = ("--calibration", tmp_path / "frames.npz")
    done = stapes("quantize", tmp_path / "net.onnx", "-o", tmp_path / "b", *calibration)
    assert done.code == 0, done.stderr
    run = ("regress", tmp_path / "b", "--json", *(("--engine", "cortex-m7-qemu") * (not lacking("cortex-m7-qemu"))))
    for arguments in (run, run[:3]):
        done = stapes(*arguments)
        assert done.code == 0, done.stdout
        assert json.loads(done.stdout)["identical"] is True
    assert stapes("simulate", tmp_path / "b", tmp_path / "frames.npz", "-o", tmp_path / "o.npz").code == 0
    with np.load(tmp_path / "o.npz") as made:
        assert set(made) == set(outputs)
    for package, program in (((), "net"), (("--package", "cmake"), "example/main")):
        folder = tmp_path / (package[-1] if package else "c")
        assert stapes("export", tmp_path / "b", "-o", folder, *package).code == 0
        assert list(folder.rglob(f"{program}.c"))
        if lacking("gcc"):
            continue
        sources = [path for path in folder.rglob("*.c") if "cortex-m7" not in path.parts]
        headers = [f"-I{folder / where}" for where in ("", "src")]
        command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Wshadow", "-Werror", *headers, *map(str, sources), "-lm"]
        subprocess.run([*command, "-o", str(folder / "run")], check=True)
        said = subprocess.run([folder / "run"], check=True, capture_output=True, text=True).stdout
        assert "40 frames" in said


# ---- on the device


@pytest.mark.needs("cortex-m7")
def test_inspect_counts_what_the_network_takes_on_the_device(stapes, network, monkeypatch):
    monkeypatch.setattr(device_report, "HOPS_AT_FULL_SCALE", 3)
    done = stapes("inspect", network / "b", "--device", "--compare", network / "b", "--json")
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document.pop("compare") == document
    frame = document["instructions_per_hop"]
    assert sum(document["instructions_by_stage"].values()) == frame == document["instructions_network"]
    assert sum(document["instructions_by_function"].values()) == frame
    assert {stage.partition(":")[0] for stage in document["instructions_by_stage"]} == {
        "network",
        "calls between stages",
    }
    assert document["macs"] == 24 * 12 + 24 * 8 + 6 * 6
    assert document["instructions_per_mac"] == pytest.approx(frame / document["macs"], abs=1e-3)
    assert document["hops"] == 40 + 3 + 3
    assert document["flash_bytes"] > document["ram_bytes"] > document["ram_by_object"]["context"] / 2 > 0
    assert document["stack_bytes"] > 0
    assert (document["hop_seconds"], document["audio"], document["instructions_audio"]) == (None, None, 0)
    assert "golden vectors" in document["frames"]
    assert [row["load"] for row in document["deadline"]] == [None] * 4
    assert document["deadline"][0]["ms"] == pytest.approx(frame / 216e3, abs=1e-4)


@pytest.mark.needs("cortex-m7")
def test_the_tables_of_the_device_speak_of_frames(stapes, network, monkeypatch):
    monkeypatch.setattr(device_report, "HOPS_AT_FULL_SCALE", 1)
    done = stapes("inspect", network / "b", "--device", "--compare", network / "b")
    assert (done.code, done.stderr) == (0, "")
    for words in (
        "one frame on the device",
        "instructions, longest frame",
        "time of a frame",
        "216 MHz",
        "golden vectors",
    ):
        assert words in done.stdout, words
    assert "hop" not in done.stdout


@pytest.mark.needs("cortex-m7")
def test_a_device_with_other_bits_is_told_with_the_output_the_frame_and_the_value(network):
    bundle = load_bundle(network / "b")
    calls, _ = device_report._frames(bundle)
    with exported_c(bundle) as folder:
        source = folder / f"{bundle.name}.c"
        source.write_text(source.read_text().replace("run_network(ctx, x, side, y, level);", "run_network(ctx, x, side, y, level);\n    level[2] ^= 1;"))  # fmt: skip
        with pytest.raises(StapesError, match=r"tensor 'level', utterance 0, frame 0, index 2: .* regress"):
            measure(folder, calls, counted_hops=1)


@pytest.mark.needs("cortex-m7-qemu")
def test_regress_runs_a_network_on_the_board_where_it_is_asked_for(stapes, network):
    done = stapes("regress", network / "b", "--engine", "cortex-m7-qemu", "--json")
    assert done.code == 0, done.stderr
    engines = json.loads(done.stdout)["engines"]
    assert set(engines) == {"numpy", "cortex-m7-qemu"}
    assert engines["cortex-m7-qemu"]["bits"] == "equal"
