"""Audio as users have it: converted with a word, or refused with the remedy; never a wrong result, never half a folder."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from stapes.models.sound_files import float_to_q15, read_audio
from stapes.tools.audio import DEMO
from stapes.tools.bundle import load_bundle
from stapes.tools.engines import make_engine

from tests.machine import require

RATE = 16000


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("published", "w8a8")


@pytest.fixture(scope="module")
def speech():
    """A quarter of a second of speech in noise, (S,) float64 on the grid of 16 bits."""
    return read_audio(DEMO / "machine_noisy.flac")[20_000:24_000].astype(np.float64)


@pytest.fixture
def simulated(stapes, bundle, tmp_path):
    """Run a file through `stapes simulate` -> samples int16, lines on standard error."""

    def run(path: Path, *options: object) -> tuple[np.ndarray, list[str]]:
        done = stapes("simulate", bundle.folder, path, "-o", tmp_path / "out.wav", "--engine", "numpy", *options)
        assert done.code == 0, done
        samples, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
        assert rate == RATE
        return samples, done.stderr.splitlines()

    return run


@pytest.fixture(scope="module")
def expected(bundle):
    """Audio (S,) -> what the numpy engine makes of it, computed once for equal samples."""
    engine, made = make_engine("numpy", bundle), {}

    def get(audio: np.ndarray) -> np.ndarray:
        samples = float_to_q15(audio)
        if samples.tobytes() not in made:
            made[samples.tobytes()] = engine.run(samples[None]).audio_q15[0]
        return made[samples.tobytes()]

    return get


# ---- what is converted


def test_16_bit_mono_16_khz_is_taken_without_a_word(simulated, expected, speech, tmp_path):
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, speech, RATE, subtype="PCM_16")
        samples, lines = simulated(tmp_path / name)
        np.testing.assert_array_equal(samples, expected(speech))
        assert lines == []


@pytest.mark.parametrize(
    ("subtype", "word"),
    [("PCM_U8", "8-bit"), ("PCM_24", "24-bit"), ("PCM_32", "32-bit"), ("FLOAT", "float"), ("DOUBLE", "double")],
)
def test_other_samples_are_converted_with_a_word(simulated, expected, speech, tmp_path, subtype, word):
    path = tmp_path / "a.wav"
    soundfile.write(path, speech + 0.3 / 32768, RATE, subtype=subtype)
    samples, lines = simulated(path)
    assert lines == [f"stapes: note: {path}: {word} samples converted to 16-bit"]
    stored, _ = soundfile.read(path)
    np.testing.assert_array_equal(samples, expected(stored))
    if subtype != "PCM_U8":
        np.testing.assert_array_equal(samples, expected(speech))


def test_float_beyond_full_scale_is_clipped_with_a_word(simulated, expected, speech, tmp_path):
    loud = speech.copy()
    loud[[100, 2000, 3500]] = [1.5, -3.0, 100.0]
    soundfile.write(tmp_path / "a.wav", loud, RATE, subtype="FLOAT")
    samples, lines = simulated(tmp_path / "a.wav")
    assert [line.rpartition(": ")[2] for line in lines] == [
        "float samples converted to 16-bit",
        "3 samples beyond full scale clipped",
    ]
    np.testing.assert_array_equal(samples, expected(np.clip(loud, -1, 1)))


@pytest.mark.parametrize("rate", [44_100, 8_000, 48_000])
def test_another_rate_is_resampled_with_a_word(simulated, expected, speech, tmp_path, rate):
    other = soxr.resample(speech, RATE, rate)
    soundfile.write(tmp_path / "a.wav", other, rate, subtype="PCM_16")
    samples, lines = simulated(tmp_path / "a.wav")
    assert lines == [f"stapes: note: {tmp_path / 'a.wav'}: resampled from {rate} to 16000 Hz"]
    assert abs(len(samples) - len(speech)) <= 1
    stored, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_array_equal(samples, expected(soxr.resample(stored, rate, RATE)))


def test_channels_are_averaged_with_a_word(simulated, expected, speech, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([speech, speech], axis=1), RATE, subtype="PCM_16")
    samples, lines = simulated(tmp_path / "a.wav")
    assert lines == [f"stapes: note: {tmp_path / 'a.wav'}: 2 channels averaged to one"]
    np.testing.assert_array_equal(samples, expected(speech))


def test_everything_at_once_is_said_line_by_line(simulated, speech, tmp_path):
    both = np.stack([speech, 0 * speech], axis=1)
    soundfile.write(tmp_path / "a.wav", soxr.resample(both, RATE, 44_100), 44_100, subtype="PCM_24")
    _, lines = simulated(tmp_path / "a.wav")
    assert [line.split(": ")[:2] for line in lines] == [["stapes", "note"]] * 3


@pytest.mark.parametrize(
    ("engine", "length"), [*(("numpy", n) for n in (1, 2, 63, 64, 65)), ("tflm", 1), ("tflm", 65), ("native", 1)]
)
def test_a_recording_of_any_length_gives_as_many_samples(stapes, bundle, expected, tmp_path, engine, length):
    if engine != "numpy":
        require(engine)
    soundfile.write(tmp_path / "a.wav", np.full(length, 0.25), RATE, subtype="PCM_16")
    done = stapes("simulate", bundle.folder, tmp_path / "a.wav", "-o", tmp_path / "out.wav", "--engine", engine)
    assert (done.code, done.stderr) == (0, "")
    samples, _ = soundfile.read(tmp_path / "out.wav", dtype="int16")
    np.testing.assert_array_equal(samples, expected(np.full(length, 0.25)))
    assert len(samples) == length


def test_aligned_output_lies_over_its_input(simulated, expected, speech, tmp_path):
    soundfile.write(tmp_path / "a.wav", speech, RATE, subtype="PCM_16")
    samples, _ = simulated(tmp_path / "a.wav", "--align")
    np.testing.assert_array_equal(samples, expected(np.append(speech, np.zeros(64)))[64:])


def test_a_folder_keeps_its_layout(stapes, bundle, expected, speech, tmp_path):
    lengths = {"a.wav": 2500, "b/c.flac": 4000, "b/d.WAV": 64}
    for name, length in lengths.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, speech[:length], RATE, subtype="PCM_16")
    (tmp_path / "in" / "notes.txt").write_text("not audio")
    done = stapes("simulate", bundle.folder, tmp_path / "in", "-o", tmp_path / "out", "--engine", "numpy")
    assert done.code == 0, done
    made = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert made == {".stapes", "a.wav", "b/c.wav", "b/d.wav"}
    for name, length in lengths.items():
        samples, _ = soundfile.read((tmp_path / "out" / name).with_suffix(".wav"), dtype="int16")
        np.testing.assert_array_equal(samples, expected(speech[:length]))


# ---- what is refused


def _text(path):
    path.write_bytes(b"RIFF, but no audio follows " * 9)


def _no_samples(path):
    soundfile.write(path, np.zeros(0), RATE)


def _cut(path):
    soundfile.write(path, np.zeros(RATE), RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:20_001])


def _header_only(path):
    soundfile.write(path, np.zeros(RATE), RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:44])


def _half_header(path):
    soundfile.write(path, np.zeros(RATE), RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:30])


def _cut_flac(path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)
    soundfile.write(path, noise, RATE, format="FLAC")
    path.write_bytes(path.read_bytes()[:10_000])


def _with(value):
    def make(path):
        soundfile.write(path, np.array([0.0, 0.1, value, 0.2]), RATE, subtype="FLOAT", format="WAV")

    return make


BAD = {
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "text": (_text, "cannot be read as audio"),
    "no samples": (_no_samples, "holds no samples"),
    "cut off": (_cut, "cut off"),
    "header only": (_header_only, "cut off"),
    "half a header": (_half_header, "cannot be read as audio"),
    "cut flac": (_cut_flac, "a.wav: c"),
    "NaN": (_with(np.nan), "NaN or Inf"),
    "Inf": (_with(np.inf), "NaN or Inf"),
}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        *((command, kind) for command in ("simulate", "regress", "evaluate") for kind in BAD),
        ("quantize", "cut off"),
        ("quantize", "NaN"),
    ],
)
def test_bad_audio_is_refused_by_every_command(stapes, bundle, speech, published, tmp_path, kind, command):
    make, words = BAD[kind]
    folder = tmp_path / "in"
    folder.mkdir()
    bad = folder / ("a_noisy.wav" if command == "evaluate" else "a.wav")
    make(bad)
    soundfile.write(folder / ("a_clean.wav" if command == "evaluate" else "good.wav"), speech, RATE)
    before = sorted(tmp_path.rglob("*"))
    arguments = {
        "simulate": (bundle.folder, bad, "-o", tmp_path / "out.wav"),
        "quantize": (published, "-o", tmp_path / "out", "--calibration", folder),
        "regress": (bundle.folder, folder, "--json"),
        "evaluate": (bundle.folder, "--corpus", folder, "--json"),
    }
    error = stapes(command, *arguments[command]).error
    assert str(bad) in error
    assert words.replace("a.wav", bad.name) in error
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_run_without_the_files_that_cannot_be_read_which_are_named(
    stapes, bundle, expected, speech, tmp_path
):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name, (make, _) in BAD.items():
        make(folder / f"{name}.wav")
    soundfile.write(folder / "deep" / "good.wav", speech, RATE)
    done = stapes("simulate", bundle.folder, folder, "-o", tmp_path / "out", "--engine", "numpy", "--json")
    assert done.code == 2
    document = json.loads(done.stdout)
    assert [entry["output"] for entry in document["files"]] == [str(tmp_path / "out" / "deep" / "good.wav")]
    assert {entry["input"] for entry in document["refused"]} == {str(folder / f"{name}.wav") for name in BAD}
    *notes, last = done.stderr.splitlines()
    assert last.startswith(f"stapes: error: {len(BAD)} of {len(BAD) + 1} files could not be read")
    for name in BAD:
        assert f"{name}.wav" in last
        assert [line for line in notes if f"{name}.wav: " in line and line.endswith("; left out")]
    made = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert made == {".stapes", "deep/good.wav"}
    samples, _ = soundfile.read(tmp_path / "out" / "deep" / "good.wav", dtype="int16")
    np.testing.assert_array_equal(samples, expected(speech))


def test_a_folder_of_nothing_that_can_be_read_writes_nothing(stapes, bundle, tmp_path):
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / f"{name}.wav").write_bytes(b"")
    error = stapes("simulate", bundle.folder, tmp_path / "in", "-o", tmp_path / "out").error
    assert error.startswith(f"{tmp_path / 'in' / 'a.wav'}: the file is empty")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["simulate", "quantize", "regress", "evaluate"])
def test_a_folder_without_audio(stapes, bundle, published, tmp_path, command):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "notes.txt").write_text("not audio")
    arguments = {
        "simulate": (bundle.folder, folder, "-o", tmp_path / "out"),
        "quantize": (published, "-o", tmp_path / "out", "--calibration", folder),
        "regress": (bundle.folder, folder, "--json"),
        "evaluate": (bundle.folder, "--corpus", folder, "--json"),
    }
    assert str(folder) in stapes(command, *arguments[command]).error
    assert not (tmp_path / "out").exists()
    if command != "quantize":
        assert (
            "no such" in stapes(command, *[tmp_path / "absent" if a == folder else a for a in arguments[command]]).error
        )


def test_a_name_that_is_no_utf_8_is_a_name_like_others(stapes, bundle, published, few_clips, tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    (tmp_path / "in").mkdir()
    try:
        shutil.copy(few_clips[0], tmp_path / "in" / name)
    except OSError:
        pytest.skip("this disk takes only names in UTF-8")
    done = stapes("simulate", bundle.folder, tmp_path / "in", "-o", tmp_path / "out", "--engine", "numpy")
    assert (done.code, done.stderr) == (0, "")
    assert soundfile.info(os.fsencode(tmp_path / "out" / name)).frames == 32_000
    done = stapes("quantize", published, "-o", tmp_path / "bundle", "--calibration", tmp_path / "in")
    assert done.code == 0, done
    (told,) = load_bundle(tmp_path / "bundle").manifest["calibration"]["files"]
    assert told["file"] == "caf\\xe9.wav"


def test_one_sample_and_silence_do_not_calibrate(stapes, published, tmp_path):
    click = np.zeros(RATE)
    click[5000] = 0.9
    for name, audio in (("one", np.full(1, 0.5)), ("click", click)):
        soundfile.write(tmp_path / f"{name}.wav", audio, RATE, subtype="PCM_16")
        error = stapes("quantize", published, "-o", tmp_path / "out", "--calibration", tmp_path / f"{name}.wav").error
        assert "calibration" in error
        assert "give audio" in error
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("engine", ["numpi", "", "litert,numpy"])
def test_an_engine_that_nobody_knows(stapes, bundle, few_clips, tmp_path, engine):
    error = stapes("simulate", bundle.folder, few_clips[0], "-o", tmp_path / "o.wav", "--engine", engine).error
    assert f"engine {engine!r} is unknown; choose one of numpy, native" in error
    assert not (tmp_path / "o.wav").exists()


def test_engines_that_regress_and_evaluate_cannot_use(stapes, bundle, few_clips):
    for engine in ("numpi", "litert", "float"):
        error = stapes("regress", bundle.folder, few_clips[0], "--engine", engine, "--json").error
        assert f"engine {engine!r} cannot be held to the bit; choose from numpy, native, tflm" in error
        error = stapes("evaluate", bundle.folder, "--engine", engine, "--json").error
        assert f"engine {engine!r} is not an integer engine" in error


def test_no_input_is_overwritten(stapes, bundle, few_clips, speech, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, speech, RATE, subtype="PCM_16")
    before = path.read_bytes()
    assert "would be overwritten" in stapes("simulate", bundle.folder, path, "-o", path).error
    assert "would be overwritten" in stapes("simulate", bundle.folder, tmp_path, "-o", tmp_path).error
    (tmp_path / "link.wav").symlink_to(path)
    assert "would be overwritten" in stapes("simulate", bundle.folder, path, "-o", tmp_path / "link.wav").error
    assert path.read_bytes() == before


def test_two_inputs_do_not_share_an_output(stapes, bundle, speech, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / "in" / name, speech, RATE, subtype="PCM_16")
    error = stapes("simulate", bundle.folder, tmp_path / "in", "-o", tmp_path / "out").error
    assert "rename one of them" in error
    assert not (tmp_path / "out").exists()


def test_digital_silence_has_figures_but_no_infinities_in_the_json(stapes, bundle, tmp_path):
    soundfile.write(tmp_path / "a_noisy.wav", np.zeros(8000), RATE, subtype="PCM_16")
    soundfile.write(tmp_path / "a_clean.wav", np.zeros(8000), RATE, subtype="PCM_16")
    done = stapes("regress", bundle.folder, tmp_path / "a_noisy.wav", "--engine", "numpy", "--json")
    assert done.code in (0, 1)
    json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    done = stapes("evaluate", bundle.folder, "--corpus", tmp_path, "--jobs", "1", "--json")
    assert done.code == 0, done
    json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
