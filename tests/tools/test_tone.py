"""The network that corrects tone: what it is trained by, the one that comes along, and what it does to unheard voices."""

import dataclasses
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from stapes.firmware_sim.audio.tensors import mask_values, quantise_features
from stapes.firmware_sim.engines.network import run_network
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.models.audio import SoundPath, kinds
from stapes.models.audio.biquad import Section, response_db
from stapes.models.audio.power import Power
from stapes.models.errors import StapesError
from stapes.models.fitting.rules import SPEECH_DB, SPEECH_HZ
from stapes.models.onnx_export import STAGES_KEY, to_proto
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import float_to_q15, q15_to_float, read_audio, write_audio
from stapes.models.tone import EQUALISER, LEVEL, tone_path, usual_speech_db
from stapes.quantize.audio.scaling import feature_scaling, mask_scaling
from stapes.tools.audio import CLIPS
from stapes.tools.engines import make_engine
from stapes.tools.library import golden
from stapes.tools.library.quantize import quantize
from stapes.tools.library.regress import regress
from stapes.tools.training import tone, tone_score
from stapes.tools.training.tone_curves import curves_db
from stapes.tools.zoo import TONE_CORRECTION

from tests.helpers import OWN_CONFIG, random_network, speech_like
from tests.tools.test_training import corpus  # noqa: F401  (a fixture)

PATH = tone_path()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, few_clips):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(golden, "SECONDS", 0.2)  # the golden vectors are not looked at
        return quantize(TONE_CORRECTION, tmp_path_factory.mktemp("tone") / "bundle", calibration=few_clips).bundle


def test_the_network_that_comes_along_brings_its_path():
    metadata = {entry.key: entry.value for entry in onnx.load(TONE_CORRECTION).metadata_props}
    assert json.loads(metadata[STAGES_KEY]) == PATH.to_tables()
    assert "## Licence" in TONE_CORRECTION.with_suffix(".md").read_text()


@pytest.mark.parametrize("way", tone_score.WAYS)
def test_gains_of_the_integers_are_those_of_float_within_a_tenth_of_a_decibel(bundle, way):
    """Of frames all over three seconds: the network has no states, so that each stands alone."""
    audio = read_audio(CLIPS / "speech_it_1.flac")[:48_000].astype(np.float64)
    spoilt = tone_score.spoil(0.1 * audio, tone_score.WAYS[way], 16_000, np.random.default_rng(0))
    features = FloatPipeline(PATH).analyse(spoilt[None])["tone"][0, ::5]
    session = onnxruntime.InferenceSession(str(TONE_CORRECTION))
    exact = np.stack([session.run(None, {"tone": row[None].astype(np.float32)})[0][0] for row in features])
    scaling = feature_scaling(PATH.features, bundle.graph.tensors["tone"])
    codes = quantise_features(np.round(features * 2.0**20).astype(np.int64), scaling)
    made = run_network(NumpyNetwork(bundle.graph), {"tone": codes[None, :, None, :]})["gains"].reshape(exact.shape)
    gains = mask_values(made, mask_scaling(PATH.mask, bundle.graph.tensors["gains"])) / 2.0**15
    assert np.abs(12 * (gains - exact)).max() < 0.1
    assert np.abs(12 * exact).max() > 4


def test_it_passes_its_own_regression(bundle, tmp_path):
    """Dull speech, by the recipe that is chosen where none is named: engines agree, and no threshold is missed."""
    audio = read_audio(CLIPS / "speech_it_1.flac")[16_000:32_000].astype(np.float64)
    dull = tone_score.spoil(0.3 * audio, tone_score.WAYS["dull"], 16_000, np.random.default_rng(0))
    write_audio(tmp_path / "dull.wav", float_to_q15(dull), 16_000)
    report = regress(bundle, tmp_path / "dull.wav", engine="native")
    assert report.passed, report.to_json()
    assert report.engines["native"].bits == "equal"
    assert set(report.thresholds) >= {"mask_snr_db", "output_snr_db"}
    assert report.thresholds["mask_snr_db"]["value"] > 55


def test_unheard_voices_come_nearer_to_usual_speech(bundle):
    voices = np.stack([np.resize(read_audio(path), 10 * 16_000) for path in sorted(CLIPS.glob("speech_*_1.flac"))])
    voices *= 10 ** (-30 / 20) / np.sqrt(np.mean(voices**2, axis=1, keepdims=True))
    rng, judge = np.random.default_rng(3), tone.Judge(PATH)
    ways = {name: way for name, way in tone_score.WAYS.items() if way is not None}
    given = float_to_q15(np.stack([tone_score.spoil(v, way, 16_000, rng) for way in ways.values() for v in voices]))
    made = make_engine("native", bundle).run(given).audio_q15
    far = []
    for sounds in (given, made):
        power = [tone.power_of(sound[64_000:], PATH).mean(axis=0) for sound in q15_to_float(sounds)]
        far.append(
            judge.off_db(torch.from_numpy(np.stack(power)))
            .square()
            .mean(dim=1)
            .sqrt()
            .reshape(len(ways), -1)
            .mean(dim=1)
        )
    before, behind = far
    assert (behind < before - 0.5).all(), (before, behind)
    assert float((before - behind).mean()) > 2.0


def test_it_stands_beside_a_mask_in_one_file(tmp_path, few_clips, monkeypatch):
    """Noise is taken away and the tone is corrected: two inputs, two outputs, the bits of the C."""
    mask = random_network(OWN_CONFIG | {"hidden_dim": 8, "num_layers": 1, "narrow_dim": 8, "fc_dim": 0})
    first, second = to_proto(mask, mask.config.sound_path()), onnx.load(TONE_CORRECTION)
    del second.metadata_props[:]  # its path, in the place of which stands that of both
    both = onnx.compose.merge_models(first, second, io_map=[])
    known = kinds()
    stages = []
    for stage in mask.config.sound_path().stages:
        named = {"features": {"input": "features"}, "asked": {"output": "mask"}}
        roles = {q.role for q in stage.quantities}
        stage = dataclasses.replace(stage, **{k: v for role in roles for k, v in named.get(role, {}).items()})
        stages += [known["tone_level"](input="tone"), stage] if "asked" in roles else [stage]
    path = SoundPath(
        (*stages[:-1], known["wide_inverse"](), known["tone_equaliser"](output="gains"), known["output"]())
    )
    heard = float_to_q15(read_audio(few_clips[0]))
    monkeypatch.setattr(golden, "SECONDS", 0.1)
    made = quantize(both, tmp_path / "bundle", front_end=path, calibration=heard[:16_000], name="both_of_them").bundle
    audio = heard[None, 16_000:19_200]
    outputs = [make_engine(name, made).run(audio).audio_q15 for name in ("numpy", "native")]
    assert np.array_equal(*outputs)
    assert np.abs(outputs[0].astype(int)).max() > 100


def test_what_the_peaks_do_in_training_is_what_their_sections_do():
    gains = np.random.default_rng(0).uniform(-1, 1, (3, len(EQUALISER.frequencies)))
    hertz = np.arange(65) * 125.0
    made = 10 * np.log10(tone.Judge(PATH).response(torch.from_numpy(gains)).numpy())
    for row, expected in zip(made, gains, strict=True):
        parts = [
            response_db(Section("peaking", f, 12 * g, EQUALISER.quality).design(16_000), hertz, 16_000)
            for f, g in zip(EQUALISER.frequencies, expected, strict=True)
        ]
        assert np.abs(row - sum(parts)).max() < 1e-5


def test_snapshots_are_what_the_stage_hears():
    """The features after some frames, of the power of each bin as training has it, and of the path."""
    audio = speech_like(0.8, 2, -40.0)
    power = tone.power_of(audio, PATH)
    frames = np.array([1, 2, 7, 64, 150])
    bands = np.add.reduceat(tone.snapshots(power, frames, LEVEL.memory), tone.Judge(PATH).edges[:-1], axis=1)
    widths = np.diff(tone.Judge(PATH).edges)
    expected = FloatPipeline(PATH).analyse(audio[None])["tone"][0, frames - 1]
    assert np.abs(tone.colour(bands, widths, frames[:, None], LEVEL.memory) - expected).max() < 1e-9
    assert any(isinstance(stage, Power) for stage in PATH.stages)


def test_noise_of_the_spectrum_of_speech_is_no_way_from_it():
    rng, samples = np.random.default_rng(0), 60 * 16_000
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.maximum(np.fft.rfftfreq(samples, 1 / 16_000), 1.0)
    density_db = np.asarray(SPEECH_DB) - 10 * np.log10(np.asarray(SPEECH_HZ))
    made = np.fft.irfft(spectrum * 10 ** (np.interp(np.log(hertz), np.log(SPEECH_HZ), density_db) / 20))
    power = tone.power_of(made, PATH).mean(axis=0)[None]
    assert np.abs(tone.Judge(PATH).off_db(torch.from_numpy(power)).numpy()).max() < 0.3
    assert len(usual_speech_db(PATH.transform)) == LEVEL.bands


def test_curves_are_those_of_their_seed_and_some_change_nothing():
    hertz = np.arange(65) * 125.0
    curves = curves_db(np.random.default_rng(1), 2000, hertz)
    assert np.array_equal(curves, curves_db(np.random.default_rng(1), 2000, hertz))
    assert 0.1 < (curves == 0).all(axis=1).mean() < 0.35
    assert 15 < np.abs(curves).max() < 50


def test_training_ends_in_the_same_bytes_and_learns(corpus, tmp_path, capsys, monkeypatch):  # noqa: F811
    monkeypatch.setattr(tone, "SEGMENT_SECONDS", 3.0)
    made = []
    for name, steps, seed in (("a", 3, 1), ("b", 3, 1), ("c", 3, 2), ("long", 60, 2)):
        tone.train(corpus, tmp_path / f"{name}.onnx", steps, seed)
        made.append((tmp_path / f"{name}.onnx").read_bytes())
        told = json.loads(capsys.readouterr().out)
    assert made[0] == made[1] != made[2] != made[3]
    assert told["train"]["behind_db"] < told["train"]["before_db"] - 0.5
    assert told["speakers"] == 2  # of four: the others are too short
    monkeypatch.setattr(tone, "SEGMENT_SECONDS", 60.0)
    with pytest.raises(StapesError, match="no speech of 60 s in train"):
        tone.train(corpus, tmp_path / "d.onnx", 60, 1)


def test_the_score_tells_each_way_before_and_behind(bundle, corpus, tmp_path, capsys, monkeypatch):  # noqa: F811
    monkeypatch.setattr(tone_score, "SETTLE_SECONDS", 2.0)
    monkeypatch.setattr(tone_score, "JUDGED_SECONDS", 3.0)
    plot, sounds = tmp_path / "p" / "a.png", tmp_path / "sounds"
    tone_score.score(bundle.folder, corpus, "test", 1, "native", plot, sounds, True)
    told = json.loads(capsys.readouterr().out)
    assert told["voices"] == 1
    assert told["ways"]["as it is"]["own_db"]["before"] < 0.1 < told["ways"]["dull"]["own_db"]["before"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert len(list(sounds.glob("*.wav"))) == 8
    with pytest.raises(StapesError, match="apart"):
        tone_score.score(bundle.folder, corpus, "apart", 1, "native", None, None, True)
