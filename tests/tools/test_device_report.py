"""What a bundle costs on the device, as `stapes inspect --device` tells it, and the device in `stapes regress`."""

import json

import numpy as np
import pytest
from stapes.firmware_sim.engines.audio import Run
from stapes.models.sound_files import write_audio
from stapes.tools import sound_regression
from stapes.tools.engines import make_engine

from tests.helpers import count_few_hops

needs_device = pytest.mark.needs("cortex-m7")


@pytest.fixture
def short(monkeypatch):
    count_few_hops(monkeypatch)


@needs_device
@pytest.mark.usefixtures("short")
def test_the_json_holds_the_figures_their_sums_and_the_deadline(stapes, bundle_of):
    folder = bundle_of("zoo", "w8a16").folder
    done = stapes("inspect", folder, "--device", "--instructions-per-cycle", "1.25", "--json")
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    hop = document["instructions_per_hop"]
    assert sum(document["instructions_by_stage"].values()) == hop
    assert document["instructions_per_mac"] > 0.5
    assert document["stack_bytes"] > 0
    assert document["flash_bytes"] > 190_000
    assert document["ram_bytes"] > 1_000
    assert [row["mhz"] for row in document["deadline"]] == [216, 400, 480, 600]
    for row in document["deadline"]:
        assert row["load"] == pytest.approx(hop / 1.25 / (row["mhz"] * 1e6) / 0.004, abs=1e-4)


@needs_device
@pytest.mark.usefixtures("short")
def test_two_bundles_stand_side_by_side(stapes, bundle_of):
    first, second = (bundle_of("zoo", recipe) for recipe in ("w8a16", "w8a8"))
    done = stapes("inspect", first.folder, "--device", "--compare", second.folder)
    assert done.code == 0, done.stderr
    assert first.hash[:8] in done.stdout
    assert second.hash[:8] in done.stdout
    for words in ("w8a16", "w8a8", "change", "rfft", "overlap-add", "216 MHz", "1 instructions per cycle", "CMSIS-NN"):
        assert words in done.stdout, words
    assert "U+" not in done.stdout
    assert any(line.startswith("Instructions are not cycles") for line in done.stdout.splitlines())
    assert done.stderr == ""


@needs_device
@pytest.mark.usefixtures("short")
def test_the_portable_kernels_cost_more_than_those_for_the_core(stapes, bundle_of):
    folder = bundle_of("zoo", "w8a16").folder
    counts, compilers = {}, set()
    for kernels, options in (("portable C99", ["--target", "portable"]), ("Cortex-M7", [])):
        done = stapes("inspect", folder, "--device", *options, "--json")
        assert done.code == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["kernels"] == kernels
        counts[kernels] = document["instructions_network"]
        compilers.add(document["compiler"])
    (compiler,) = compilers
    most = 4.5 if "clang" in compiler else 3  # 2.65 by GCC 12, 4.12 by Clang 22, whose plain loops take more
    assert counts["Cortex-M7"] < counts["portable C99"] < most * counts["Cortex-M7"]


def test_what_the_options_cannot_mean_is_refused(stapes, bundle_of):
    folder = bundle_of("zoo", "w8a16").folder
    assert "kernels (Helium) do not exist yet" in stapes("inspect", folder, "--target", "cortex-m55").error
    assert "give --device too" in stapes("inspect", folder, "--compare", folder).error
    assert (
        "a Cortex-M7 starts two at most" in stapes("inspect", folder, "--device", "--instructions-per-cycle", "3").error
    )


def test_a_machine_without_the_compiler_says_what_to_install(stapes, bundle_of, monkeypatch):
    monkeypatch.setattr("stapes.firmware_sim.device.toolchain._FINDERS", {})
    done = stapes("inspect", bundle_of("zoo", "w8a16").folder, "--device")
    assert "install gcc-arm-none-eabi" in done.error


class OneBitOff:
    """The reference with one bit of its output turned, under another engine's name."""

    def __init__(self, bundle, name, sample):
        self.engine, self.name, self.sample = make_engine("numpy", bundle), name, sample
        self.sound_path = self.engine.sound_path

    def run(self, audio_q15, trace=False, progress=lambda frames: None):
        run = self.engine.run(audio_q15, trace, progress)
        audio = run.audio_q15.copy()
        audio[0, self.sample : self.sample + 1] ^= 1
        return Run(audio, run.tensors)


@pytest.fixture
def recording(tmp_path, monkeypatch):
    """0.3 s, of which the device is to run 0.2 s by itself."""
    monkeypatch.setattr(sound_regression, "DEVICE_SECONDS", 0.2)
    path = tmp_path / "noise.wav"
    write_audio(path, 0.1 * np.random.default_rng(0).standard_normal(4_800))
    return path


@pytest.mark.parametrize(("engine", "seconds"), [([], 0.2), (["--engine", "cortex-m7"], 0.3)], ids=["default", "asked"])
def test_regress_sees_one_bit_of_the_device_and_says_how_much_it_ran(
    engine, seconds, stapes, bundle_of, recording, monkeypatch
):
    def make(name, bundle):
        return OneBitOff(bundle, name, 2000) if name == "cortex-m7" else make_engine(name, bundle)

    monkeypatch.setattr(sound_regression, "make_engine", make)
    monkeypatch.setattr(sound_regression, "unavailable", lambda: {"native": "not here", "tflm": "not here"})
    done = stapes("regress", bundle_of("zoo", "w8a16").folder, recording, *engine, "--json")
    assert done.code == 1
    document = json.loads(done.stdout)
    assert not document["identical"]
    assert document["engines"]["cortex-m7"]["bits"] == "differ"
    assert document["engines"]["cortex-m7"]["seconds"] == seconds
    found = document["first_difference"]
    assert (found["engine"], found["tensor"], found["frame"]) == ("cortex-m7", "audio_q15", 2000 // 64)


def test_regress_takes_the_device_over_the_first_of_the_sound_unless_it_is_asked_for(
    stapes, bundle_of, recording, monkeypatch
):
    def make(name, bundle):
        return OneBitOff(bundle, name, 3_200) if name == "cortex-m7" else make_engine(name, bundle)

    monkeypatch.setattr(sound_regression, "make_engine", make)
    monkeypatch.setattr(sound_regression, "unavailable", lambda: {"native": "not here", "tflm": "not here"})
    folder = bundle_of("zoo", "w8a16").folder
    assert "equal, first 0.2 s (all with --engine cortex-m7)" in stapes("regress", folder, recording).stdout
    assert "DIFFER" in stapes("regress", folder, recording, "--engine", "cortex-m7").stdout
