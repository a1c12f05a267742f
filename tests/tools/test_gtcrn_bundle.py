"""GTCRN from its checkpoint to audio: quantised with the command line, the same bits on every engine, near the float pipeline."""

import json

import numpy as np
import pytest
import soundfile
import torch
from stapes.export.targets import PORTABLE
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models.sound_files import q15_to_float
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.bundle import load_bundle
from stapes.tools.library.export import exported_c

from tests.machine import lacking
from tests.models.gtcrn.networks import OFFICIAL, random_gtcrn

needs_official = pytest.mark.skipif(
    not OFFICIAL.is_file(), reason="the official GTCRN files are not beside the checkout"
)


@pytest.fixture(scope="module")
def bundles(few_clips, tmp_path_factory):
    """Name of a checkpoint -> its bundle, made by `stapes quantize`'s own function."""
    from stapes.tools.library import golden
    from stapes.tools.library.quantize import quantize

    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            path = OFFICIAL
            if name == "random":
                path = folder / "random.tar"
                torch.save({"epoch": 1, "optimizer": {}, "model": random_gtcrn().state_dict()}, path)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(golden, "SECONDS", 0.25)  # the golden vectors are not looked at
                quantize(path, folder / "b", recipe="w8a16", calibration=few_clips[:1])
            made[name] = load_bundle(folder / "b")
        return made[name]

    return get


def test_every_engine_has_the_bits_of_numpy(stapes, bundles, tmp_path):
    bundle = bundles("random")
    assert bundle.sound_path.filter.judged_by_sound
    assert (bundle.sound_path.latency, bundle.sound_path.delay) == (512, 256)
    assert float(bundle.graph.tensors["mask"].scale[0]) == 2.0**-15
    audio = speech_in_noise(1.0, seed=31)
    soundfile.write(tmp_path / "speech.wav", audio[-4_096:], 16_000)
    engines = [name for name in ("native", "tflm", "cortex-m7") if not lacking(name)]
    arguments = [word for engine in engines for word in ("--engine", engine)]
    document = json.loads(stapes("regress", bundle.folder, tmp_path / "speech.wav", *arguments, "--json").stdout)
    assert document["identical"] is True
    assert set(document["engines"]) == {"numpy", *engines}


def test_inspect_names_the_kernel_of_every_product(stapes, bundles):
    document = json.loads(stapes("inspect", bundles("random").folder, "--json").stdout)
    kernels = {op["name"]: op["kernel"] for op in document["operators"] if op["macs"]}
    by_region = {op["region"]: set() for op in document["operators"]}
    for op in document["operators"]:
        by_region[op["region"]] |= {op["kernel"]} if op["macs"] else set()
    assert by_region["gru_sequence0"] == by_region["gru3"] == {"small groups"}
    assert by_region["layer_norm0"] == {"LayerNorm"}
    assert by_region["energy0"] == {"sums of squares"}
    assert kernels["E2/dc/linear/conv/made"] == "channel pairs"
    assert kernels["E2/pc2/product"] == "windows"
    assert set(kernels.values()) == {
        "row pairs in 64 bits", "row pairs in 64 bits, sparse", "windows", "channel pairs", "small groups", "LayerNorm",
        "sums of squares",
    }  # fmt: skip


@pytest.mark.needs("cortex-m7")
def test_the_kernels_in_plain_c_fit_a_small_device(bundles):
    bundle = bundles("random")
    audio = (32767 * speech_in_noise(1.0, seed=31)[-1_536:]).astype(np.int16)
    with exported_c(bundle, PORTABLE) as folder:  # measure holds the device's bits to numpy
        found = measure(folder, Hops(bundle.graph, bundle.sound_path, audio), counted_hops=2)
    assert found.instructions_per_hop < 2_250_000
    code = 48 if "clang" in found.compiler else 32  # Clang unrolls more; the constants are the same
    assert found.flash_by_section[".text"] < code * 1024
    assert found.flash_bytes < (88 + code) * 1024
    assert found.ram_bytes + found.stack_bytes < 64 * 1024


@needs_official
def test_the_official_checkpoint_sounds_as_in_float(stapes, bundles, tmp_path):
    bundle = bundles("official")
    audio = speech_in_noise(2.0, seed=33)
    soundfile.write(tmp_path / "in.wav", audio, 16_000)
    done = stapes("simulate", bundle.folder, tmp_path / "in.wav", "-o", tmp_path / "out.wav")
    assert done.code == 0, done
    made = q15_to_float(soundfile.read(tmp_path / "out.wav", dtype="int16")[0])
    wanted = FloatEngine(bundle.float_onnx, bundle.sound_path).trace_float(q15_to_float(audio)[None])["output"][0]
    snr_db = 10 * np.log10(np.sum(wanted**2) / np.sum((made - wanted) ** 2))
    assert snr_db >= 28.0
    # The noise is taken away: a float pipeline that changed nothing would be matched by anything that changes nothing.
    assert np.mean(wanted**2) < 0.8 * np.mean(q15_to_float(audio) ** 2)
