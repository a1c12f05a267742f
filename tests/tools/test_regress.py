"""`stapes regress` and `stapes inspect`: what scripts rely on, and that a fault does not pass."""

import json
import shutil

import numpy as np
import pytest
from stapes.firmware_sim.compare import sha256_of, snr_db
from stapes.firmware_sim.engines.audio import Run
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.sound_files import as_q15, q15_to_float, read_audio, write_audio
from stapes.quantize.recipe import load_recipe
from stapes.tools import engines
from stapes.tools import sound_regression as command
from stapes.tools.audio import DEMO
from stapes.tools.audio_files import read_batch
from stapes.tools.bundle import load_bundle
from stapes.tools.library import regress as library
from stapes.tools.library.quantize import quantize
from stapes.tools.work import Crew
from stapes.tools.zoo import GRU_MASK

HOP = 64
TFLM = pytest.mark.needs("tflm")


@pytest.fixture(scope="module")
def original(bundle_of):
    return bundle_of("published", "w8a16")


@pytest.fixture
def bundle(original, tmp_path):
    """A copy that may be locked."""
    return load_bundle(shutil.copytree(original.folder, tmp_path / "bundle"))


def pairs(folder, machine, water):
    """Two noisy recordings of so many samples, with their clean partners -> the noisy ones."""
    for name, length in (("machine", machine), ("water", water)):
        for kind in ("noisy", "clean"):
            write_audio(
                folder / f"{name}_{kind}.wav", read_audio(DEMO / f"{name}_{kind}.flac")[16_000 : 16_000 + length]
            )
    return [folder / "machine_noisy.wav", folder / "water_noisy.wav"]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Long enough for PESQ."""
    return pairs(tmp_path_factory.mktemp("noisy"), 9_000, 6_001)


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    """For what no quality is asked of: 50 and 37 frames."""
    return pairs(tmp_path_factory.mktemp("brief"), 3_200, 2_305)


def check(stapes, bundle, *arguments, code=0):
    done = stapes("regress", bundle.folder, *arguments, "--json")
    assert done.code == code, done
    return json.loads(done.stdout)


# ---- all is well


@TFLM
@pytest.mark.needs("native")
def test_engines_agree_and_scripts_find_what_they_were_promised(stapes, bundle, noisy):
    document = check(stapes, bundle, *noisy, "--engine", "native", "--engine", "tflm")
    assert document["identical"] is True
    assert document["first_difference"] is None
    assert list(document["engines"]) == ["numpy", "native", "tflm"]
    for entry in document["engines"].values():
        assert {"sha256", "realtime_factor"} <= set(entry)
        assert len(entry["sha256"]) == 64
        assert entry["sha256"] == document["engines"]["numpy"]["sha256"]
        assert entry["realtime_factor"] > 0
    assert set(document["thresholds"]) == {"mask_snr_db", "output_snr_db", "pesq_drop"}
    for name, entry in document["thresholds"].items():
        assert set(entry) == {"value", "limit", "ok"}
        assert entry["limit"] == bundle.recipe.thresholds[name]
        assert entry["ok"] is (
            entry["value"] <= entry["limit"] if name == "pesq_drop" else entry["value"] >= entry["limit"]
        )


def test_the_hash_is_of_the_samples_that_simulate_writes(stapes, bundle, brief, tmp_path):
    document = check(stapes, bundle, brief[0], "--engine", "numpy")
    assert stapes("simulate", bundle.folder, brief[0], "-o", tmp_path / "out.wav", "--engine", "numpy").code == 0
    samples = (read_audio(tmp_path / "out.wav") * 32768).astype(np.int16)
    assert document["engines"]["numpy"]["sha256"] == sha256_of(samples)


def test_people_get_a_table_and_a_verdict(stapes, bundle, noisy):
    done = stapes("regress", bundle.folder, *noisy, "--engine", "numpy")
    assert done.code == 0, done
    assert "2 file(s), 0.9 s" in done.stdout
    assert "reference" in done.stdout
    assert done.stdout.rstrip().endswith("passed")


def test_a_recording_without_a_clean_partner_says_what_is_not_checked(stapes, bundle, tmp_path, noisy):
    shutil.copy(noisy[1], tmp_path / "alone.wav")
    done = stapes("regress", bundle.folder, tmp_path / "alone.wav", "--engine", "numpy", "--json")
    assert "pesq_drop" not in json.loads(done.stdout)["thresholds"]
    assert [line.startswith("stapes: note: threshold pesq_drop needs") for line in done.stderr.splitlines()] == [True]


def test_an_engine_without_a_name_is_refused(stapes, bundle, brief):
    for given in ("", "native,"):
        assert (
            "engine '' cannot be held to the bit" in stapes("regress", bundle.folder, brief[0], "--engine", given).error
        )


def test_an_engine_that_this_machine_lacks_is_skipped_unless_it_was_asked_for(stapes, bundle, brief, monkeypatch):
    missing = {name: f"{name} is not [here]" for name in ("native", "tflm", "cortex-m7", "cortex-m7-qemu")}
    monkeypatch.setattr(command, "unavailable", lambda: missing)
    monkeypatch.setattr(command, "_limits", lambda bundle: {})
    document = check(stapes, bundle, brief[1])
    assert list(document["engines"]) == ["numpy"]
    assert {"native", "tflm"} <= set(document["skipped"])
    assert "native is not [here]" in stapes("regress", bundle.folder, brief[1]).stdout


# ---- an engine is wrong


class Broken:
    """An engine with one bit of one tensor wrong in a frame of the recording that is `length` samples long."""

    def __init__(self, engine, length, tensor, frame, index):
        self.engine, self.place = engine, (length, tensor, frame, index)
        self.name, self.sound_path = "tflm", engine.sound_path

    def run(self, audio_q15, trace=False, progress=lambda frames: None):
        length, tensor, frame, index = self.place
        run = self.engine.run(audio_q15, trace, progress)
        audio, tensors = run.audio_q15.copy(), dict(run.tensors)
        for row, given in enumerate(audio_q15):
            # The other recording begins otherwise; this one keeps its beginning when only that is run again.
            if not np.array_equal(given[:640], length[:640]):
                continue
            audio[row, frame * HOP + 40] ^= 4
            if trace and tensor in tensors and frame < tensors[tensor].shape[1]:
                tensors[tensor] = tensors[tensor].copy()
                tensors[tensor][row, frame, index] ^= 1
        return Run(audio, tensors)


@pytest.mark.parametrize(
    ("tensor", "frame", "index"),
    [("h1_out", 21, 100), ("mask_q15", 31, 64), ("audio_q15", 7, 40), ("gru0/rhn", 35, 0)],
)
@pytest.mark.parametrize("which", [0, 1])
def test_a_wrong_bit_fails_the_run_and_is_located(stapes, bundle, brief, monkeypatch, which, tensor, frame, index):
    make = command.make_engine
    given = (read_audio(brief[which]) * 32768).astype(np.int16)
    monkeypatch.setattr(command, "_limits", lambda bundle: {})

    def broken(name, bundle):
        return Broken(make("numpy", bundle), given, tensor, frame, index) if name == "tflm" else make(name, bundle)

    monkeypatch.setattr(command, "make_engine", broken)
    document = check(stapes, bundle, *brief, "--engine", "tflm", code=1)
    assert document["identical"] is False
    assert document["engines"]["tflm"]["sha256"] != document["engines"]["numpy"]["sha256"]
    difference = document["first_difference"]
    assert {"engine", "tensor", "frame", "index"} <= set(difference)
    assert [difference[key] for key in ("engine", "tensor", "frame", "index")] == ["tflm", tensor, frame, index]
    assert difference["utterance"] == which
    assert abs(difference["got"] - difference["expected"]) == (4 if tensor == "audio_q15" else 1)


def test_a_difference_is_told_to_people_and_nothing_is_locked(stapes, bundle, brief, monkeypatch):
    make = command.make_engine
    given = (read_audio(brief[0]) * 32768).astype(np.int16)
    monkeypatch.setattr(command, "_limits", lambda bundle: {})
    monkeypatch.setattr(command, "make_engine", lambda name, b: Broken(make("numpy", b), given, "h0_out", 12, 3) if name == "tflm" else make(name, b))  # fmt: skip
    done = stapes("regress", bundle.folder, *brief, "--engine", "tflm")
    assert done.code == 1
    assert "DIFFER" in done.stdout
    assert "first difference: tflm: tensor 'h0_out', utterance 0, frame 12, index 3:" in done.stdout
    assert done.stdout.rstrip().endswith("FAILED")
    assert "nothing was locked" in stapes("regress", bundle.folder, *brief, "--engine", "tflm", "--update").error
    assert bundle.lock() == {}


# ---- the output changed


def test_output_is_locked_found_again_and_its_change_is_found(stapes, bundle, brief, monkeypatch):
    monkeypatch.setattr(command, "_limits", lambda bundle: {})
    line = ("--engine", "numpy")
    assert check(stapes, bundle, *brief, *line)["locked"] == "not locked"
    assert check(stapes, bundle, *brief, *line, "--update")["locked"] == "updated"
    assert check(stapes, bundle, *brief, *line)["locked"] == "equal"
    assert check(stapes, bundle, brief[0], *line)["locked"] == "equal"
    # Not the engines but the product itself changed: the lock holds what it once put out.
    lock = bundle.lock()
    bundle.write_lock({key: "0" * 64 for key in lock})
    document = check(stapes, bundle, *brief, *line, code=1)
    assert document["locked"] == "differs"
    assert document["changed"] == list(map(str, brief))
    assert document["identical"] is True
    assert check(stapes, bundle, *brief, *line, "--update")["locked"] == "updated"
    assert check(stapes, bundle, *brief, *line)["locked"] == "equal"


def test_a_recording_that_is_not_what_was_locked_fails_the_run_and_is_named(
    stapes, bundle, brief, tmp_path, monkeypatch
):
    monkeypatch.setattr(command, "_limits", lambda bundle: {})
    folder, line = tmp_path / "recordings", ("--engine", "numpy")
    folder.mkdir()
    for path in brief:
        shutil.copy(path, folder)
    first, second = (folder / path.name for path in brief)
    check(stapes, bundle, folder, *line, "--update")
    write_audio(first, read_audio(first)[:-1])
    document = check(stapes, bundle, folder, *line, code=1)
    assert (document["locked"], document["not_locked"], document["passed"]) == ("incomplete", [str(first)], False)
    done = stapes("regress", bundle.folder, first, *line)
    told = " ".join(done.stdout.split())
    assert "locked output: not of" in told
    assert f"{first.name}: --update adds what is missing, --no-lock compares the engines only" in told
    assert done.code == 1
    # The lock is left alone; what it holds of the other recording still counts.
    assert check(stapes, bundle, folder, *line, "--no-lock")["locked"] == "not locked"
    assert "locked output" not in stapes("regress", bundle.folder, folder, *line, "--no-lock").stdout
    assert check(stapes, bundle, second, *line)["locked"] == "equal"
    assert "give one of them" in stapes("regress", bundle.folder, folder, *line, "--no-lock", "--update").error
    assert check(stapes, bundle, folder, *line, "--update")["locked"] == "updated"
    assert check(stapes, bundle, folder, *line)["locked"] == "equal"


def test_a_lock_of_several_recordings_as_one_is_still_held_to(stapes, bundle, brief, monkeypatch):
    monkeypatch.setattr(command, "_limits", lambda bundle: {})
    batch, line = read_batch(brief), ("--engine", "numpy")
    made = check(stapes, bundle, *brief, *line)["engines"]["numpy"]["sha256"]
    bundle.write_lock({batch.sha256(): made})
    assert check(stapes, bundle, *brief, *line)["locked"] == "equal"
    bundle.write_lock({batch.sha256(): "0" * 64})
    assert check(stapes, bundle, *brief, *line, code=1)["locked"] == "differs"
    assert check(stapes, bundle, brief[0], *line, code=1)["locked"] == "incomplete"
    check(stapes, bundle, *brief, *line, "--update")
    assert set(bundle.lock()) == set(batch.hashes())


def test_a_missed_threshold_fails_the_run(stapes, published, few_clips, noisy, tmp_path, monkeypatch):
    recipe = tmp_path / "strict.toml"
    text = load_recipe("w8a8").to_toml().replace("mask_snr_db = 20.0", "mask_snr_db = 90.0\npesq_drop = 4.0")
    recipe.write_text(text.replace('name = "w8a8"', 'name = "strict"'))
    bundle = quantize(published, tmp_path / "b", recipe=recipe, calibration=few_clips).bundle
    report = command.run_regression(bundle, noisy, ["numpy"])
    document = report.to_json()
    assert document["identical"] is True
    assert document["thresholds"]["mask_snr_db"]["ok"] is False
    assert document["thresholds"]["mask_snr_db"]["value"] < 90.0 == document["thresholds"]["mask_snr_db"]["limit"]
    assert document["thresholds"]["pesq_drop"]["ok"] is True
    monkeypatch.setattr(library, "run_regression", lambda *arguments: report)
    done = stapes("regress", bundle.folder, *noisy)
    assert done.code == 1
    assert "MISSED mask_snr_db" in done.stdout
    assert done.stdout.rstrip().endswith("FAILED")


def test_thresholds_take_the_mask_of_the_run_that_is_compared(original, noisy, monkeypatch):
    runs = []

    class Counting(Pipeline):
        def run(self, audio_q15, trace=False, progress=lambda frames: None):
            runs.append(trace)
            return super().run(audio_q15, trace, progress)

    monkeypatch.setattr(engines, "Pipeline", Counting)
    report = command.run_regression(original, noisy, ["numpy"])
    assert len(runs) == 1
    assert runs[0] is not True
    wanted = original.recipe.thresholds["mask_snr_db"]
    assert report.thresholds["mask_snr_db"]["limit"] == wanted
    floats, integers = [], []
    for path in noisy:
        audio = as_q15(path, read_audio(path))[None]
        floats.append(FloatEngine(original.float_onnx, original.sound_path).trace_float(q15_to_float(audio))["mask"])
        integers.append(
            Pipeline(original.sound_path, NumpyNetwork(original.graph)).run(audio, trace=True).tensors["mask_q15"]
        )
    joined = (np.concatenate([np.ravel(mask) for mask in masks]) for masks in (floats, integers))
    expected = snr_db(next(joined), next(joined) / 32768.0)
    assert report.thresholds["mask_snr_db"]["value"] == pytest.approx(expected, abs=1e-3)


# ---- several processes


def test_pieces_and_workers_change_nothing_but_the_times(bundle, brief, monkeypatch):
    """Three pieces in two processes, then in one, then one piece: outputs, lock and thresholds are the same."""
    reports = []
    recordings = [*brief, brief[0]]
    for piece, workers in ((1, 2), (1, 1), (16, 1)):
        monkeypatch.setattr(command, "PIECE", piece)
        monkeypatch.setattr(command, "PROCESS_SECONDS", 0.05)
        with Crew(workers) as crew:
            report = command.run_regression(bundle, recordings, ["numpy"], not reports, True, crew).to_json()
        assert report["engines"]["numpy"].pop("realtime_factor") > 0
        reports.append({name: value for name, value in report.items() if name not in ("locked", "passed")})
        assert report["locked"] == ("equal" if len(reports) > 1 else "updated")
    assert reports[0] == reports[1] == reports[2]
    assert reports[0]["thresholds"].keys() >= {"mask_snr_db", "output_snr_db"}


def test_a_recording_that_cannot_be_read_is_told_before_the_work(bundle, brief, tmp_path, monkeypatch):
    (tmp_path / "last.wav").write_bytes(b"RIFF, or so it says")
    monkeypatch.setattr(command, "run_piece", None)
    with pytest.raises(StapesError, match=r"last\.wav"):
        command.run_regression(bundle, [brief[0], tmp_path / "last.wav"], ["numpy"])


# ---- inspect


@pytest.mark.parametrize(("network", "recipe"), [("published", "w8a16"), ("zoo", "w8a16"), ("zoo", "w8a8")])
def test_inspect_tells_scripts_what_the_network_costs(stapes, bundle_of, published, network, recipe):
    original = bundle_of(network, recipe)
    done = stapes("inspect", original.folder, "--json")
    assert (done.code, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    state = checkpoint.load(GRU_MASK if network == "zoo" else published)[0].state_dict()
    weights = sum(tensor.numel() for tensor in state.values() if tensor.dim() == 2)
    trained = sum(tensor.numel() for tensor in state.values())
    # A LayerNorm costs a mean, a variance and a root besides the matrices.
    extra = 1000 if network == "published" else 0
    assert weights <= document["macs_per_frame"] <= weights + extra
    assert weights < document["parameters"] <= trained + 3 * extra
    assert weights < document["flash_bytes"] < 1.4 * weights
    state_bytes = sum(original.graph.tensors[s.input].bytes for s in original.graph.states)
    assert state_bytes < document["ram_bytes"] < 32_768
    assert document["flash_bytes"] == sum(document["flash_by_part"].values())
    assert (document["latency_ms"], document["hop_ms"]) == (8.0, 4.0)
    assert document["overflow_free"] is True
    assert [op["name"] for op in document["operators"]] == [op.name for op in original.graph.operators]
    assert sum(op["macs"] for op in document["operators"]) == document["macs_per_frame"]


def test_inspect_tells_people_the_same(stapes, original):
    done = stapes("inspect", original.folder, "--proof")
    assert (done.code, done.stderr) == (0, "")
    for words in (
        "8 ms algorithmic",
        "a new hop each 4 ms",
        "impossible",
        "overflow proof",
        "TFLM",
        original.hash[:16],
    ):
        assert words in done.stdout
