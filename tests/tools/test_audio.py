"""The audio that the project ships: small, free, of one format, and heard in training only where it may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from stapes.models.errors import StapesError
from stapes.tools.audio import CALIBRATION, CLIPS, DEMO, FOLDER, make
from stapes.tools.corpus.manifest import Item, Manifest

FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.flac"))


def rows() -> list[list[str]]:
    lines = (FOLDER / "LICENCES.md").read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return table[1:]


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_16_khz_mono_16_bit_flac(name: str) -> None:
    info = soundfile.info(FOLDER / name)
    assert (info.samplerate, info.channels, info.subtype, info.format) == (16000, 1, "PCM_16", "FLAC")
    least, most = (3.0, 5.0) if name.startswith("calibration") else (3.0, 8.0)
    assert least <= info.duration <= most


def test_the_whole_is_under_two_and_a_half_megabytes() -> None:
    assert sum((FOLDER / name).stat().st_size for name in FILES) < 2_500_000


def test_there_is_enough_of_each() -> None:
    assert 10 <= len(list(CALIBRATION.iterdir())) <= 12
    assert sorted(path.name for path in DEMO.iterdir()) == sorted(
        f"{pair.name}_{side}.flac" for pair in make.DEMO for side in ("clean", "noisy")
    )
    assert len(list(CLIPS.glob("speech_*.flac"))) >= 4
    assert len(list(CLIPS.glob("noise_*.flac"))) >= 4


def test_every_file_stands_in_the_licence_table_with_a_free_licence() -> None:
    listed = {name for row in rows() for name in row[0].split()}
    assert listed == set(FILES)
    assert {row[4] for row in rows()} <= set(make.FREE_LICENCES)
    assert all(len(row) == 7 and all(row) for row in rows())


def test_every_licence_has_its_text() -> None:
    text = (FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    for heading in ("## CC0 1.0", "## CC BY 3.0", "## BSD-2-Clause"):
        assert heading in text


def test_demonstrations_and_clips_are_no_training_material() -> None:
    splits = {row[5] for row in rows() if not row[0].startswith("calibration/")}
    assert splits
    assert "train" not in splits


def test_calibration_shares_no_speaker_and_no_noise_recording_with_the_rest() -> None:
    def recordings(calibration: bool) -> set[tuple[str, str]]:
        chosen = [row for row in rows() if row[0].startswith("calibration/") == calibration]
        return {(row[2], name) for row in chosen for name in row[1].split(", ")}

    assert recordings(True)
    assert recordings(False)
    assert not recordings(True) & recordings(False)
    speakers = [
        {Path(pair.speech.item).stem.rsplit("-", 1)[0] for pair in make.CALIBRATION},
        {Path(pair.speech.item).stem.rsplit("-", 1)[0] for pair in make.DEMO}
        | {Path(cut.item).stem.rsplit("-", 1)[0] for cut in make.CLIPS_SPEECH.values()},
    ]
    assert not speakers[0] & speakers[1]
    assert speakers[1] == {"carlo", "ivrvoice"}


@pytest.mark.parametrize("pair", make.DEMO, ids=lambda pair: pair.name)
def test_demonstrations_have_the_ratio_that_their_table_says(pair: make.Pair) -> None:
    noisy, clean = (soundfile.read(DEMO / f"{pair.name}_{side}.flac")[0] for side in ("noisy", "clean"))
    assert 2.5 <= pair.snr_db <= 5
    assert abs(10 * np.log10(np.sum(clean**2) / np.sum((noisy - clean) ** 2)) - pair.snr_db) < 0.01


def test_calibration_covers_soft_and_loud_speech() -> None:
    levels = [10 * np.log10(np.mean(soundfile.read(path)[0] ** 2)) for path in CALIBRATION.iterdir()]
    assert max(levels) - min(levels) > 25


def test_a_corpus_without_the_recordings_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    Manifest(tmp_path).save()
    with pytest.raises(StapesError, match="not in this corpus"):
        make.make(tmp_path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_recording_without_a_free_licence_is_refused(tmp_path: Path) -> None:
    file = make.CALIBRATION[0].speech.item
    item = Item(file, "speech", "train", ("s",), "p", "1", "anna", "en", "", 1.0, "GPL-2+", "somebody", "")
    Manifest(tmp_path, [item]).save()
    with pytest.raises(StapesError, match=r"its licence GPL-2\+ is not among CC0-1.0"):
        make.make(tmp_path, tmp_path)
