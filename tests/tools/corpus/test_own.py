"""A user's own folders become a corpus."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import soundfile
from stapes.models.errors import Remark, StapesError
from stapes.models.files import sha256_of_file
from stapes.tools.audio import CLIPS
from stapes.tools.corpus import build, decoding, fetch, load_manifest
from stapes.tools.corpus.decode import RATE
from stapes.tools.corpus.sources import SPLITS
from stapes.tools.work import Crew, Lost

from tests.tools.corpus.clips import VOICES


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
            assert sha256_of_file(corpus / record.file) == record.sha256
            assert abs(info.duration - record.seconds) < 0.001

    def test_without_split_folders_each_split_gets_its_own_speakers(self, tmp_path: Path) -> None:
        (tmp_path / "own" / "speech").mkdir(parents=True)
        for index, voice in enumerate(VOICES):
            shutil.copy(CLIPS / f"speech_{voice}.flac", tmp_path / "own" / "speech" / f"p{index}_001.flac")
        manifest = fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        speakers = {split: {i.speaker for i in manifest.items("speech", split)} for split in SPLITS}
        assert [len(speakers[split]) for split in SPLITS] == [4, 1, 1, 0]
        assert set.union(*speakers.values()) == {f"own-p{i}" for i in range(6)}

    def test_workers_make_the_same_bytes(self, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(build, "PROCESS_FILES", 4)
        monkeypatch.setattr(build, "BATCH", 5)
        monkeypatch.setattr(decoding, "PIECE", 2)
        made = []
        for workers in (1, 2):
            folder = tmp_path / f"by{workers}"
            with Crew(workers) as crew:
                fetch(folder, own=own, only_own=True, quiet=True, crew=crew)
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            made.append([(path.relative_to(folder), path.read_bytes()) for path in files])
        assert made[0] == made[1]
        assert len(made[0]) > 5

    def test_a_recording_that_ends_its_worker_is_left_out_and_named(self, own: Path, tmp_path: Path) -> None:
        class Losing(Crew):
            def each(self, function, shared, items):  # type: ignore[no-untyped-def]
                for place, made in super().each(function, shared, items):
                    ends = any("it_1" in path for path, _ in items[place])
                    yield place, Lost(items[place]) if ends else made

        with pytest.warns(Remark, match=r"it_1\S*: left out: each worker that ran it died"):
            manifest = fetch(tmp_path, own=own, only_own=True, quiet=True, crew=Losing(1))
        speakers = {item.speaker for item in manifest.records if item.kind == "speech"}
        assert speakers == {f"own-{voice}" for voice in VOICES if voice != "it_1"}

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

    @pytest.mark.parametrize("count", [1, 2])
    def test_too_few_speakers_for_three_splits_are_refused_before_anything_is_made(
        self, tmp_path: Path, count: int
    ) -> None:
        (tmp_path / "own" / "speech").mkdir(parents=True)
        for index, voice in enumerate(VOICES[:count]):
            shutil.copy(CLIPS / f"speech_{voice}.flac", tmp_path / "own" / "speech" / f"p{index}_001.flac")
        with pytest.raises(StapesError, match=r"speech of \d speaker.*: p0.*give three speakers or more"):
            fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        assert not (tmp_path / "corpus").exists()

    def test_a_speaker_whose_recordings_cannot_be_used_is_missed_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "own" / "speech").mkdir(parents=True)
        for index, voice in enumerate(VOICES[:3]):
            audio, rate = soundfile.read(CLIPS / f"speech_{voice}.flac")
            soundfile.write(tmp_path / "own" / "speech" / f"p{index}.flac", audio[: rate if index == 1 else None], rate)
        with pytest.warns(UserWarning, match="has no train speech .speakers: 0 in train, 1 in validation, 1 in test"):
            manifest = fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        with pytest.raises(StapesError, match="sort the folders into speech/train"):
            manifest.require_speech("train", "validation")

    def test_a_folder_without_recordings_is_refused_and_nothing_is_made(self, tmp_path: Path) -> None:
        (tmp_path / "own").mkdir()
        with pytest.raises(StapesError, match="no wav or flac file"):
            fetch(tmp_path / "corpus", own=tmp_path / "own", only_own=True, quiet=True)
        assert not (tmp_path / "corpus").exists()
