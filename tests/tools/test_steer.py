"""Latents steer an equaliser: a file of controls from a decoder's bundle, and both programs in one, with the same bits."""

import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from stapes.models.audio.controls import read_changes
from stapes.models.checkpoint import save
from stapes.models.sound_files import read_audio, write_audio
from stapes.quantize.audio.controls import control_track, integers
from stapes.tools.audio import DEMO
from stapes.tools.bundle import load_bundle
from stapes.tools.library.simulate import simulate
from stapes.tools.library.steer import steer

from tests.compiling import compile_all
from tests.helpers import random_network
from tests.machine import cmsis_dsp, require
from tests.tools.test_white_box import decoder  # noqa: F401

SMALL = {"n_fft": 128, "hidden_dim": 16, "num_layers": 1, "fc_dim": 0, "narrow_dim": 8}
HOP, LATENTS = 64, 5
EVERY = 25 * HOP / 16_000


@pytest.fixture
def parts(stapes, once, decoder):  # noqa: F811
    """Folder of a decoder of 5 bands, of a bundle with a steered equaliser; latents (5, 512); samples (8000,) at 16 kHz."""

    def fill(folder):
        folder.mkdir()
        small = random_network(SMALL)
        save(folder / "ear.pt", small, small.config.sound_path())
        write_audio(folder / "noisy.wav", read_audio(DEMO / "machine_noisy.flac")[16_000:24_000])
        given = ("--calibration", folder / "noisy.wav", "-o", folder / "ear", "--controls", "steered_equaliser")
        done = stapes("quantize", folder / "ear.pt", *given)
        assert done.code == 0, done
        latents = np.random.default_rng(2).standard_normal((LATENTS, 512)).astype(np.float32)
        np.savez(folder / "latents.npz", latent=latents)

    return decoder(5), once("steered_ear", fill)


def command(parts, *options):
    steering, folder = parts
    return ("steer", steering, folder / "latents.npz", folder / "ear", "--every", EVERY, *options)


def test_the_file_gives_the_words_of_the_decoder_at_their_times(stapes, parts, tmp_path):
    """And what it plays is the same on all engines that are quick, and not the sound at rest."""
    file, (steering, folder) = tmp_path / "controls.toml", parts
    done = stapes(*command(parts, "-o", file))
    assert done.code == 0, done
    assert "5 changes, one every 0.1 s" in done.stdout
    written = tomllib.loads(file.read_text())

    made = steer(steering, folder / "latents.npz", folder / "ear", every=EVERY, engine="numpy")
    path = load_bundle(folder / "ear").sound_path
    track = control_track(path, read_changes(written, path, "file"), 8_000)
    words = integers(path, track)["steered_equaliser"]
    for name, rows in made.words.items():
        assert np.array_equal(words[name], np.repeat(rows, 25, axis=0)), name
    assert len({row.tobytes() for row in made.words["gain_db_q16"]}) == LATENTS

    sounds = [simulate(folder / "ear", folder / "noisy.wav", engine=e, controls=file) for e in ("numpy", "native")]
    plain = simulate(folder / "ear", folder / "noisy.wav").files[0].audio_q15
    assert sounds[0].files[0].sha256 == sounds[1].files[0].sha256
    assert np.abs(sounds[0].files[0].audio_q15 - plain.astype(int)).max() > 20


def test_both_programs_in_one_give_the_bits_of_the_simulation(stapes, parts, tmp_path):
    """The C of both bundles, joined as the documentation says: a latent in, steered sound out."""
    require("gcc")
    steering, folder = parts
    for bundle, name in ((steering, "decoder"), (folder / "ear", "ear")):
        assert stapes("export", bundle, "-o", tmp_path / name).code == 0
    graph = load_bundle(steering).graph
    latents = np.load(folder / "latents.npz")["latent"]
    codes = np.clip(np.round(latents.astype(np.float64) / float(graph.tensors["latent"].scale[0])), -(2**15), 2**15 - 1)
    samples = read_audio(folder / "noisy.wav")
    binary = compiled(tmp_path)
    given = np.array([125, 25, LATENTS], "<i4").tobytes() + codes.astype("<i2").tobytes()
    done = subprocess.run([binary], input=given + to_q15(samples).tobytes(), capture_output=True, check=True)
    controls = steer(steering, folder / "latents.npz", folder / "ear", every=EVERY).to_table()
    expected = simulate(folder / "ear", to_q15(samples), controls=controls).files[0].audio_q15
    assert np.array_equal(np.frombuffer(done.stdout, "<i2"), expected)


def to_q15(samples):
    return samples if samples.dtype == np.int16 else np.round(samples * 2.0**15).astype("<i2")


def compiled(folder):
    """Both exports, of which the path brings its part of CMSIS-DSP, and `joined.c`; a file that both have is compiled once."""
    dsp = cmsis_dsp()
    found = {}
    for path in [*sorted((folder / "decoder").rglob("*.c")), *sorted((folder / "ear").rglob("*.c"))]:
        found[path.name] = path
    sources = [path for name, path in found.items() if not name.endswith(("_self_test.c", "_vectors.c", "runner.c"))]
    flags = ["gcc", "-O1", f"-I{folder}", *(f"-I{folder / name}" for name in ("ear", "decoder"))]
    flags += [word for place in dsp.include_dirs for word in ("-isystem", str(place))]
    flags += [f"-D{name}" for name in dsp.defines]
    (folder / "objects").mkdir()
    objects = compile_all(flags, [Path(__file__).with_name("joined.c"), *sources], folder / "objects")
    subprocess.run(["gcc", *objects, "-lm", "-o", folder / "joined"], check=True)
    return folder / "joined"


def test_what_cannot_be_steered_is_one_line_and_nothing_is_written(stapes, parts, decoder, tmp_path):  # noqa: F811
    steering, folder = parts
    file, ear, latents = tmp_path / "controls.toml", folder / "ear", folder / "latents.npz"

    def error(*arguments):
        return stapes("steer", *arguments, "-o", file).error

    assert "no parametric decoder of a white-box network" in error(ear, latents, ear)
    assert "a network without an audio path" in error(steering, latents, steering)
    assert "has 5 bands, the decoder 10; make the bundle with stapes quantize --controls steered_equaliser:10" in error(
        decoder(10, True, "parametric_decoder."), latents, ear
    )
    assert "--every 0.0: give seconds above 0" in error(steering, latents, ear, "--every", "0")
    np.savez(tmp_path / "short.npz", latent=np.zeros((2, 100)))
    assert "array 'latent' has 100 values a frame; the network takes 512" in error(
        steering, tmp_path / "short.npz", ear
    )
    file.write_text("mine\n")
    assert "controls.toml" in error(steering, latents, ear)
    assert file.read_text() == "mine\n"
