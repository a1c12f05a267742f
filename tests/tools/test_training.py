"""Training: it goes on where it stopped, learns, and its loss and crops are what the pipeline will do."""

import dataclasses
import datetime
import json
import re
import struct

import numpy as np
import pytest
import soundfile
import torch
from pesq import pesq
from stapes.firmware_sim.audio.path import AudioPath
from stapes.firmware_sim.engines.audio import to_blocks
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.gru_mask import GruMask
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import q15_to_float
from stapes.tools.corpus import Mix, fetch, make_set
from stapes.tools.train import Order, Training, learning_rate, train
from stapes.tools.training import curves, recurrence, team
from stapes.tools.training.augment import pair, source_seconds
from stapes.tools.training.launch import run_workers
from stapes.tools.training.loss import Resynthesis, SpeechLoss
from stapes.tools.training.loudness import Disturbance
from stapes.tools.training.pool import Pool
from stapes.tools.training.recipe import Data, Loss, Optimiser, load_recipe
from stapes.tools.training.state import Folder
from stapes.tools.training.validate import Validator, mean_scores
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from tests.helpers import speech_like
from tests.tools import together

RECIPE = """
seed = 3
[model]
features = "log"
gain_input = true
mask_floor_db = -20.0
narrow_dim = 16
hidden_dim = 24
fc_dim = 0
dropout = 0.1
[data]
clip_seconds = 1.5
crop_seconds = 1.0
chunk_clips = 4
chunks = 2
renew_steps = 3
[optimiser]
steps = 8
batch = 2
warmup_steps = 2
[validation]
pairs = 2
seconds = 2.0
every = 4
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four made-up voices for training and one for validation, with two noises each."""
    root = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for split, voices in (("train", 4), ("validation", 1), ("test", 1)):
        for voice in range(voices):
            folder = root / "speech" / split / f"{split}{voice}"
            folder.mkdir(parents=True)
            soundfile.write(folder / "a.wav", speech_like(8.0, seed=len(split) + voice, noise_db=-70.0), 16000)
        for noise in ("hum", "hiss"):
            folder = root / "noise" / split / noise
            folder.mkdir(parents=True)
            audio = rng.standard_normal(16000 * 6) if noise == "hiss" else np.sin(0.04 * np.arange(16000 * 6))
            soundfile.write(folder / f"{split}.wav", 0.1 * audio + 1e-4 * rng.standard_normal(16000 * 6), 16000)
    folder = tmp_path_factory.mktemp("corpus")
    fetch(folder, own=root, only_own=True, quiet=True)
    return folder


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def run(recipe, corpus, output, curve=False, **options):
    """Train -> the folder; the picture of the curve, half of the time of so short a training, is drawn where it is looked at."""
    options = {"save_every": 3, "quiet": True} | options
    workers = options.pop("workers", 1)
    with pytest.MonkeyPatch.context() as patch:
        if not curve:
            patch.setattr(Folder, "plot", lambda *arguments: None)
        train(Order(recipe, corpus, output, **options), workers)
    return output


def test_interrupted_training_ends_in_the_same_bytes_and_log(recipe, corpus, tmp_path):
    whole = run(recipe, corpus, tmp_path / "whole")
    for stop in (3, 5, None):
        pieces = run(recipe, corpus, tmp_path / "pieces", stop_after=stop)
    for name in ("model.pt", "best.pt"):
        assert (whole / name).read_bytes() == (pieces / name).read_bytes()
    validations = [
        [line for line in map(json.loads, (folder / "log.jsonl").read_text().splitlines()) if line["step"] in (0, 4, 8)]
        for folder in (whole, pieces)
    ]
    assert validations[0] == validations[1]
    assert len(validations[0]) == 3


def test_workers_share_a_training_and_a_stopped_one_ends_in_the_same_bytes(recipe, corpus, tmp_path):
    """Two processes train three times: at one go, then up to a stop, then on from there."""
    changes = {"steps = 8": "steps = 2", "every = 4": "every = 2", "clip_seconds = 1.5": "clip_seconds = 0.75"}
    changes |= {
        "crop_seconds = 1.0": "crop_seconds = 0.5",
        "renew_steps = 3": "renew_steps = 1",
        "pairs = 2": "pairs = 1",
    }
    text = RECIPE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    recipe.write_text(text)
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    orders = [
        Order(recipe, corpus, folder, save_every=1, stop_after=stop, quiet=True)
        for folder, stop in ((whole, None), (pieces, 1), (pieces, None))
    ]
    run_workers(together.train_all, orders, 2)
    for name in ("model.pt", "best.pt"):
        assert (whole / name).read_bytes() == (pieces / name).read_bytes()
    for rank in range(2):
        version, corpora = (tmp_path / f"said_{rank}").read_text().splitlines()
        assert re.fullmatch(
            r"worker 1 on \S+ has another torch than the first worker \(2.1, not 2.0\); give .*", version
        )
        assert " has another corpus than the first worker; " in corpora
    with pytest.raises(StapesError, match=r"left by a training with 2 worker\(s\), not 1"):
        run(recipe, corpus, whole)


def test_a_worker_that_dies_ends_the_training_in_one_line(tmp_path):
    with pytest.raises(
        StapesError, match=r"worker 1 of the training was ended \(SIGKILL\); run the same command again"
    ):
        run_workers(together.lose_one, tmp_path, 2)
    assert (tmp_path / "gone").read_text().startswith("another worker of the training has ended")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("batch = 2", "batch = 3"), "batch is 3, which 2 workers cannot share evenly"),
        (("chunk_clips = 4", "chunk_clips = 1"), "chunk_clips is 1, fewer than the 2 workers"),
        (("[validation]", "[quantisation]\n[validation]"), "2 crops or more a worker"),
    ],
)
def test_what_workers_cannot_share_is_refused_before_they_start(recipe, corpus, tmp_path, change, word):
    recipe.write_text(RECIPE.replace(*change))
    with pytest.raises(StapesError, match=word):
        run(recipe, corpus, tmp_path / "out", workers=2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("about", "workers", "word"),
    [
        ({"RANK": "0", "WORLD_SIZE": "2"}, 1, "MASTER_ADDR and MASTER_PORT do not say"),
        ({"RANK": "x", "WORLD_SIZE": "2"}, 1, "RANK is 'x'"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, 2, "--workers beside torchrun"),
        (
            {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"},
            1,
            "does not answer at 127.0.0.1:1",
        ),
    ],
)
def test_what_does_not_come_from_torchrun_is_told(recipe, corpus, tmp_path, monkeypatch, about, workers, word):
    for name, value in about.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(team, "MEET", datetime.timedelta(seconds=1))
    with pytest.raises(StapesError, match=word):
        run(recipe, corpus, tmp_path / "out", workers=workers)
    assert not (tmp_path / "out").exists()


def test_curves_are_read_by_what_reads_events(tmp_path):
    """As TensorBoard does it: records with two checksums, each an event; the same log gives the same bytes."""
    log = [{"step": 0, "validation_pesq": 1.5}, {"step": 25, "loss": 0.25, "learning_rate": 1e-3}]
    content = curves.events(log)
    assert content == curves.events(log)
    found, rest = {}, content
    while rest:
        (length,), (check,) = struct.unpack("<Q", rest[:8]), struct.unpack("<I", rest[8:12])
        record, (of_record,) = rest[12 : 12 + length], struct.unpack("<I", rest[12 + length : 16 + length])
        assert (check, of_record) == (masked_crc32c(rest[:8]), masked_crc32c(record))
        event = Event.FromString(record)
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        rest = rest[16 + length :]
    assert found == {
        ("validation/pesq", 0): 1.5,
        ("training/loss", 25): 0.25,
        ("training/learning_rate", 25): pytest.approx(1e-3),
    }


def test_result_is_a_checkpoint_behind_its_own_front_end(recipe, corpus, tmp_path):
    model, sound_path, info = checkpoint.load(run(recipe, corpus, tmp_path / "out", curve=True) / "model.pt")
    assert info["format"] == "own"
    assert (sound_path.before[-1].to_table(), sound_path.filter.floor_db) == (
        {"kind": "log", "gain_input": True},
        -20.0,
    )
    assert (tmp_path / "out" / "curve.png").stat().st_size > 1000
    assert FloatPipeline(sound_path, model).run(speech_like(1.0)).shape == (16000,)


def test_training_ends_when_patience_is_at_its_end_and_keeps_the_best(recipe, corpus, tmp_path, monkeypatch):
    """Given scores: those of real networks may tie, or not, by the last bits of a processor."""
    recipe.write_text(
        RECIPE.replace("steps = 8", "steps = 40").replace("every = 4", "every = 2\npatience = 2\nwatch = 'estoi'")
    )
    given = {2: 0.5, 4: 0.8, 6: 0.8, 8: 0.7}
    scored = []

    def scores(self, network):
        if network is None:  # what the validator is given, before the first step
            return {"pesq": 4.0, "estoi": 0.9, "si_sdr_db": 20.0}
        scored.append({name: value.clone() for name, value in network.state_dict().items()})
        return {"pesq": 1.0 + len(scored), "estoi": list(given.values())[len(scored) - 1], "si_sdr_db": 3.0}

    monkeypatch.setattr(Validator, "scores", scores)
    run(recipe, corpus, tmp_path / "out", stop_after=3)
    out = run(recipe, corpus, tmp_path / "out")
    lines = list(map(json.loads, (out / "log.jsonl").read_text().splitlines()))
    logged = {line["step"]: line["validation_estoi"] for line in lines if "validation_estoi" in line and line["step"]}
    assert logged == given
    kept = checkpoint.load(out / "best.pt")[0].state_dict()
    assert all(torch.equal(kept[name], value) for name, value in scored[1].items())
    assert not all(torch.equal(kept[name], value) for name, value in scored[2].items())


def test_kept_network_is_the_mean_of_the_weights(recipe, corpus, tmp_path):
    recipe.write_text(RECIPE.replace("batch = 2", "batch = 2\naverage = 0.9"))
    training = Training(load_recipe(recipe), corpus, Folder(tmp_path / "out", {}))
    mean = training.average.fc2.bias.detach().clone()
    for step in range(3):
        training.run_step()
        past = (1 + step) / (10 + step)
        mean = past * mean + (1 - past) * training.model.fc2.bias.detach()
    training.save()
    assert torch.allclose(checkpoint.load(tmp_path / "out" / "model.pt")[0].fc2.bias, mean, atol=1e-7)


def test_folder_of_another_training_is_refused(recipe, corpus, tmp_path):
    run(recipe, corpus, tmp_path / "out", stop_after=3)
    recipe.write_text(RECIPE.replace("seed = 3", "seed = 4"))
    with pytest.raises(StapesError, match="another recipe or corpus"):
        run(recipe, corpus, tmp_path / "out")


def test_resynthesis_of_a_crop_is_what_the_pipeline_puts_out(recipe, corpus):
    """A mask of one everywhere: the crop's output must be the Wiener filter's on the whole clip."""
    chosen = load_recipe(recipe)
    sound_path = chosen.model.sound_path()
    pool = Pool(corpus, chosen, sound_path)
    batch = pool.batch(0)
    output = Resynthesis(sound_path)(batch, torch.ones_like(batch.gain)).numpy()
    clips = np.concatenate([pool.chunks[number].noisy_q15 for number in pool.at_step(0)])
    expected = FloatPipeline(sound_path).run(q15_to_float(clips))
    for crop in output:
        windows = np.lib.stride_tricks.sliding_window_view(expected, len(crop), axis=1)[:, ::64]
        assert np.abs(windows - crop).max(axis=2).min() < 1e-5


def test_validation_scores_what_the_pipeline_puts_out(recipe, corpus):
    chosen = load_recipe(recipe)
    sound_path, model = chosen.model.sound_path(), GruMask(chosen.model).eval()
    validator = Validator(corpus, chosen, sound_path)
    pairs = make_set(corpus, "validation", 2, 2.0, chosen.validation.snr_db, seed=chosen.seed)
    noisy, clean = np.stack([p.noisy for p in pairs]), np.stack([p.clean for p in pairs])
    for network in (None, model):
        expected = mean_scores(FloatPipeline(sound_path, network).run(noisy), clean, sound_path)
        assert validator.scores(network) == pytest.approx(expected, rel=1e-6)


def test_fixed_front_end_gives_what_the_device_computes(recipe, corpus):
    """Gains of the pool are those of the device, bit for bit, and near those in float."""
    recipe.write_text(RECIPE.replace("[data]", '[data]\nfront_end = "fixed"'))
    chosen = load_recipe(recipe)
    sound_path = chosen.model.sound_path()
    pool = Pool(corpus, chosen, sound_path)
    batch = pool.batch(0)
    chunk = pool.chunks[0]
    path = AudioPath(sound_path, len(chunk.noisy_q15))
    for t, block in enumerate(to_blocks(chunk.noisy_q15, sound_path.hop)):
        frame = path.analyse(block)
        assert np.array_equal(chunk.gain[:, t] * 2**15, frame["gain_q15"])
        assert np.array_equal(chunk.features[:, t], (frame["features_q20"] / 2**20).astype(np.float32))
    in_float = FloatPipeline(sound_path).analyse(q15_to_float(chunk.noisy_q15))["gain"]
    assert 0 < np.abs(chunk.gain - in_float).max() < 0.01
    assert batch.gain.shape == (2, 250, 65)


def test_training_behind_the_fixed_front_end_goes_on_where_it_stopped(recipe, corpus, tmp_path):
    in_float = run(recipe, corpus, tmp_path / "float")
    recipe.write_text(RECIPE.replace("[data]", '[data]\nfront_end = "fixed"'))
    whole = run(recipe, corpus, tmp_path / "whole")
    for stop in (3, None):
        pieces = run(recipe, corpus, tmp_path / "pieces", stop_after=stop)
    network = (whole / "model.pt").read_bytes()
    assert network == (pieces / "model.pt").read_bytes() != (in_float / "model.pt").read_bytes()


def test_clean_part_of_a_crop_is_aligned_with_its_output(recipe, corpus):
    """Noise at -45 dB at most: the Wiener output must correlate with the clean crop at lag zero and nowhere better."""
    chosen = load_recipe(recipe)
    chosen = dataclasses.replace(
        chosen, data=dataclasses.replace(chosen.data, quiet_fraction=1.0, pause_fraction=0.0, silence_fraction=0.0)
    )
    sound_path = chosen.model.sound_path()
    batch = Pool(corpus, chosen, sound_path).batch(1)
    output = Resynthesis(sound_path)(batch, torch.ones_like(batch.gain)).numpy()
    for y, s in zip(output, batch.clean.numpy(), strict=True):
        lags = range(-80, 81)
        scores = [float(np.dot(np.roll(y, lag), s)) for lag in lags]
        assert lags[int(np.argmax(scores))] == 0


def test_pool_depends_on_the_step_alone(recipe, corpus):
    chosen = load_recipe(recipe)
    sound_path = chosen.model.sound_path()
    steady, fresh = Pool(corpus, chosen, sound_path), Pool(corpus, chosen, sound_path)
    for step in range(7):
        last = steady.batch(step)
    for a, b in zip(last, fresh.batch(6), strict=True):
        assert torch.equal(a, b)


def test_loss_is_least_for_the_clean_signal_and_grows_with_the_noise():
    rng = np.random.default_rng(0)
    clean = torch.from_numpy(speech_like(1.5, noise_db=-80.0)[None]).float()
    noise = torch.from_numpy(rng.standard_normal(clean.shape)).float()
    loss = SpeechLoss(Loss())
    values = [float(loss(clean + amount * noise, clean, clean + noise)[0]) for amount in (0.0, 0.003, 0.01, 0.03, 0.1)]
    assert values == sorted(values)
    assert len(set(values)) == 5


def test_loss_does_not_depend_on_the_level():
    rng = np.random.default_rng(0)
    clean = torch.from_numpy(speech_like(1.0, noise_db=-60.0)[None]).float()
    noisy = clean + 0.02 * torch.from_numpy(rng.standard_normal(clean.shape)).float()
    loss = SpeechLoss(Loss())
    loud, soft = (float(loss(noisy * g, clean * g, noisy * g)[0]) for g in (1.0, 0.01))
    assert loud == pytest.approx(soft, rel=1e-3)


@pytest.mark.parametrize("case", ["silent clean", "all silent", "silent output"])
def test_loss_has_finite_gradients_on_silence(case):
    clean, noisy = torch.zeros(2, 8000), 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    if case == "silent output":
        clean = noisy * 0.5
    output = (torch.zeros_like(noisy) if case != "silent clean" else noisy).clone().requires_grad_()
    loss, _ = SpeechLoss(Loss())(output, clean, noisy if case != "all silent" else clean)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(output.grad).all()


def test_pair_has_the_snr_and_level_that_were_asked_for():
    rng = np.random.default_rng(0)
    fixed = {"snr_db": (5.0, 5.0), "level_db": (-20.0, -20.0), "speed": (1.0, 1.0)}
    data = Data(**fixed, quiet_fraction=0, pause_fraction=0, silence_fraction=0)
    samples = round(source_seconds(data) * 16000)
    clean = (0.05 * rng.standard_normal(samples)).astype(np.float32)
    noise = (0.2 * rng.standard_normal(samples)).astype(np.float32)
    source = Mix("", clean + noise, clean, 0.0, "", "", ())
    noisy_q15, speech = pair(source, source, data, rng)
    assert noisy_q15.shape == speech.shape == (96000,)
    assert noisy_q15.dtype == np.int16
    error = noisy_q15 / 32768 - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(error**2)) == pytest.approx(5.0, abs=0.05)
    assert 20 * np.log10(np.std(speech) / 0.05) == pytest.approx(-20.0, abs=0.1)


def spoken(data: Data, noise_rms: float = 0.02) -> Mix:
    """Speech-like audio and white noise, long enough for `pair`."""
    clean = speech_like(source_seconds(data), noise_db=-80.0).astype(np.float32)
    noise = noise_rms * np.random.default_rng(1).standard_normal(len(clean)).astype(np.float32)
    return Mix("", clean + noise, clean, 0.0, "", "", ())


PLAIN = Data(
    speed=(1.0, 1.0),
    colour_db=0.0,
    noise_colour_db=0.0,
    snr_db=(60.0, 60.0),
    level_db=(-20.0, -20.0),
    quiet_fraction=0,
    pause_fraction=0,
    silence_fraction=0,
)


def altered(seed: int = 0, **changes) -> tuple[np.ndarray, np.ndarray]:
    """One pair of PLAIN with changes: noisy and clean (S,) in the same scale."""
    data = dataclasses.replace(PLAIN, **changes)
    noisy_q15, clean = pair(spoken(data), spoken(data), data, np.random.default_rng(seed))
    return q15_to_float(noisy_q15), clean


def test_room_adds_a_tail_that_the_clean_speech_does_not_have():
    dry, _ = altered()
    noisy, clean = altered(room_fraction=1.0, room_seconds=(0.5, 0.5), room_direct_db=(3.0, 3.0))
    late = np.mean((noisy - clean) ** 2) / np.mean(clean**2)
    assert 0.01 < late < 1.0
    assert np.std(noisy) == pytest.approx(np.std(dry), rel=0.02)
    correlation = np.correlate(clean, dry, "full")
    assert np.argmax(correlation) == len(dry) - 1  # the direct sound is not delayed


def test_band_limit_takes_the_highs_of_speech_and_noise():
    noisy, clean = altered(band_fraction=1.0, band_hz=(4000.0, 4000.0), snr_db=(0.0, 0.0))
    for audio in (noisy, clean):
        power = np.abs(np.fft.rfft(audio)) ** 2
        edge = len(power) * 4500 // 8000
        assert power[edge:].sum() < 1e-3 * power.sum()


def test_clipping_cuts_the_noisy_signal_and_leaves_the_clean_one():
    whole, clean = altered()
    noisy, same = altered(clip_fraction=1.0, clip_db=(6.0, 6.0))
    assert np.abs(noisy).max() == pytest.approx(0.5 * np.abs(whole).max(), rel=0.01)
    assert np.abs(same).max() == pytest.approx(np.abs(clean).max())


def test_second_and_made_up_noise_keep_the_snr():
    for seed in range(6):
        noisy, clean = altered(
            seed, snr_db=(5.0, 5.0), second_noise_fraction=1.0, modulated_fraction=1.0, noise_speed=(0.7, 1.4)
        )
        snr = 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
        assert snr == pytest.approx(5.0, abs=0.1)


def test_pairs_are_the_same_for_the_same_seed():
    everything = {
        f"{name}_fraction": 1.0 for name in ("room", "band", "clip", "second_noise", "modulated", "pause", "silence")
    }
    first, again, other = altered(3, **everything), altered(3, **everything), altered(4, **everything)
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])


ALL_TERMS = Loss(
    transforms=(256, 512),
    suppression_weight=1.0,
    intelligibility_weight=0.5,
    loudness_weight=0.1,
    multi_scale_weight=0.1,
)


def test_every_term_of_the_loss_is_least_for_the_clean_signal():
    clean = torch.from_numpy(speech_like(1.5, noise_db=-80.0)[None]).float()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    loss = SpeechLoss(ALL_TERMS)
    _, best = loss(clean, clean, clean)
    _, worse = loss(0.5 * clean + 0.01 * noise, clean, clean)
    names = {"complex", "magnitude", "suppression", "si_sdr_db", "intelligibility", "loudness", "multi_scale"}
    assert best.keys() == names
    for name in best.keys() - {"si_sdr_db"}:
        assert abs(best[name]) < 0.05
        assert worse[name] > best[name]


def test_only_suppression_tells_too_little_from_too_much():
    clean = torch.from_numpy(speech_like(1.5, noise_db=-80.0)[None]).float()
    loss = SpeechLoss(ALL_TERMS)
    assert loss(2.0 * clean, clean, clean)[1]["suppression"] == pytest.approx(0.0, abs=1e-6)
    assert loss(0.5 * clean, clean, clean)[1]["suppression"] > 0.01


def test_disturbance_takes_from_the_score_what_pesq_takes():
    clean = torch.from_numpy(speech_like(4.0, noise_db=-80.0)[None]).float()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) * clean.std()
    disturbance = Disturbance()
    taken, scores = [], []
    for snr_db in range(5, 36, 5):
        noisy = clean + noise * 10 ** (-snr_db / 20)
        taken.append(float(disturbance(noisy, clean)))
        scores.append(pesq(16000, clean[0].numpy(), noisy[0].numpy(), "wb"))
    raw = (3.8224 - np.log(4.0 / (np.array(scores) - 0.999) - 1.0)) / 1.3669  # the mapping of P.862.2, backwards
    assert np.corrcoef(taken, raw)[0, 1] < -0.95
    assert np.all(np.diff(taken) < 0)


def test_disturbance_does_not_depend_on_the_level_and_has_finite_slopes():
    clean = torch.from_numpy(speech_like(1.5, noise_db=-80.0)[None]).float()
    noisy = (clean + 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    disturbance = Disturbance()
    taken = disturbance(noisy, clean)
    taken.backward()
    assert torch.isfinite(noisy.grad).all()
    assert noisy.grad.abs().sum() > 0
    noisy = noisy.detach()
    assert float(disturbance(noisy * 0.01, clean * 0.1)) == pytest.approx(float(taken.detach()), rel=1e-3)
    assert float(disturbance(noisy, torch.zeros_like(clean))) == 0.0


def test_recurrence_in_c_is_torchs_gru_forwards_and_backwards():
    torch.manual_seed(0)
    config = {"features": "log", "gain_input": True, "narrow_dim": 32, "hidden_dim": 64, "fc_dim": 0, "dropout": 0.0}
    model = GruMask(config)
    features = torch.randn(16, 50, model.feature_size)
    gradients = []
    for forward in (lambda x: model(x)[0], lambda x: recurrence.mask(model, x)):
        model.zero_grad()
        out = forward(features)
        (out * torch.linspace(0, 1, out.numel()).view(out.shape)).sum().backward()
        gradients.append([out.detach(), *(p.grad.clone() for p in model.parameters())])
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-4 * float(a.abs().max()))


def test_learning_rate_rises_then_falls_to_zero():
    o = Optimiser(steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(step, o) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == 1.0
    assert rates[100] == pytest.approx(0.0)
    assert np.all(np.diff(rates[10:]) < 0)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("seed = ", "not TOML"),
        ("x = " + "[" * 200_000, "nested too deeply"),
        ("colour = 1", "colour"),
        ("seed = -1", "seed is -1; it must be at least 0"),
        ("[data]\nsnr = 3", "unknown key 'snr' in data; known are front_end"),
        ("model = 3", "model is 3; it must be a table"),
        ("[model]\nfeatures_of = 3", "unknown key 'features_of' in model; known are n_fft"),
        ("[data]\ncrop_seconds = 9.0", "crop_seconds"),
        ('[validation]\nwatch = "loss"', "validation.watch is 'loss'; it may be pesq, estoi, si_sdr_db"),
        ('[optimiser]\nsteps = "many"', "optimiser.steps is 'many'; it must be a whole number"),
        ("[optimiser]\nsteps = 0", "at least 1"),
        ("[optimiser]\nbatch = 2.5", "whole number"),
        ("[optimiser]\nlearning_rate = nan", "a finite number"),
        ("[optimiser]\nlearning_rate = -1e-3", "above 0"),
        ("[optimiser]\naverage = 1.0", "below 1"),
        ("[data]\nsnr_db = 3", "data.snr_db is 3; it must be a list"),
        ("[data]\nsnr_db = [3.0]", r"data.snr_db\[1\] is missing"),
        ("[data]\nsnr_db = [3.0, 4.0, 5.0]", "data.snr_db is a list of 3; it must be of 2"),
        ("[data]\nsnr_db = [20.0, -5.0]", "the smaller first"),
        ("[data]\nroom_fraction = 1.5", "at most 1"),
        ("[data]\nspeed = [0.0, 1.0]", r"data.speed\[0\] is 0.0; it must be above 0"),
        ("[loss]\ntransforms = [512, 0]", r"loss.transforms\[1\] is 0; it must be at least 2"),
        ("[loss]\ntransforms = []", "a list that is not empty"),
        ('[model]\nhidden_dim = "wide"', "model.hidden_dim"),
        ("[model]\ngain_input = 1", "true or false"),
        ('[data]\nfront_end = "analogue"', "data.front_end is 'analogue'; it may be float, fixed"),
        ('[quantisation]\nimitate = "int4"', "imitate"),
        ('[quantisation]\nrecipe = "w4a4"', "quantisation.recipe"),
    ],
)
def test_bad_recipe_is_refused(tmp_path, text, word):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(StapesError, match=word) as caught:
        load_recipe(tmp_path / "r.toml")
    assert str(caught.value).startswith(f"{tmp_path}/r.toml: ")
    assert "\n" not in str(caught.value)


def test_missing_corpus_is_refused_before_anything_is_written(recipe, tmp_path):
    with pytest.raises(StapesError, match="corpus fetch"):
        run(recipe, tmp_path / "absent", tmp_path / "out")
    assert not (tmp_path / "out").exists()
