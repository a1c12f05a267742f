"""Pairs are found in the usual layouts, and a corpus that does not fit is refused with the file's name."""

import numpy as np
import pytest
import soundfile
from stapes.models.errors import StapesError
from stapes.models.sound_files import write_audio
from stapes.tools.audio import DEMO
from stapes.tools.pairs import Pair, find_pairs, read_pair, tell_once


def write(path, samples=160):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, np.full(samples, 100, np.int16))
    return path


@pytest.mark.parametrize("names", [("noisy", "clean"), ("noisy_testset_wav", "clean_testset_wav")])
def test_subfolders_pair_equal_names(tmp_path, names):
    for name in ("p232_002.wav", "a/p232_001.wav"):
        for folder in names:
            write(tmp_path / folder / name)
    noisy, clean = (tmp_path / name for name in names)
    assert find_pairs(tmp_path) == [
        Pair("a/p232_001", noisy / "a/p232_001.wav", clean / "a/p232_001.wav"),
        Pair("p232_002", noisy / "p232_002.wav", clean / "p232_002.wav"),
    ]


def test_the_file_ids_of_the_dns_challenge_pair(tmp_path):
    for number in (1, 12):
        write(tmp_path / "noisy" / f"clnsp1_train_6_snr15_tl-23_fileid_{number}.wav")
        write(tmp_path / "clean" / f"clean_fileid_{number}.wav")
    assert [(p.name, p.clean.name) for p in find_pairs(tmp_path)] == [
        ("fileid_1", "clean_fileid_1.wav"),
        ("fileid_12", "clean_fileid_12.wav"),
    ]


def test_suffixes_pair_within_one_folder_and_other_files_are_left_alone(tmp_path):
    write(tmp_path / "street_noisy.wav")
    write(tmp_path / "street_clean.wav")
    write(tmp_path / "notes.wav")
    assert [p.name for p in find_pairs(tmp_path)] == ["street"]


def test_the_shipped_demo_is_a_corpus():
    pairs = find_pairs(DEMO)
    assert [p.name for p in pairs] == ["furnace", "machine", "water"]
    for pair in pairs:
        noisy, clean = read_pair(pair)
        assert noisy.shape == clean.shape


@pytest.mark.parametrize("folder", ["noisy", "clean"])
def test_a_file_without_partner_is_named(tmp_path, folder):
    for name in ("noisy", "clean"):
        write(tmp_path / name / "a.wav")
    write(tmp_path / folder / "b.wav")
    missing = {"noisy": "clean", "clean": "noisy"}[folder]
    with pytest.raises(StapesError, match=f"b.wav: no {missing} partner"):
        find_pairs(tmp_path)


def test_a_folder_without_pairs_is_refused_with_the_layouts(tmp_path):
    write(tmp_path / "speech.wav")
    with pytest.raises(StapesError, match="no noisy and clean pairs; name them NAME_noisy"):
        find_pairs(tmp_path)
    with pytest.raises(StapesError, match="no such folder"):
        find_pairs(tmp_path / "nowhere")


def test_the_same_recording_in_two_formats_is_refused(tmp_path):
    for name in ("x_noisy.wav", "x_clean.wav"):
        write(tmp_path / name)
    write(tmp_path / "other.wav").rename(tmp_path / "x_noisy.flac")
    with pytest.raises(StapesError, match="the same recording as"):
        find_pairs(tmp_path)


def test_partners_of_different_length_are_refused(tmp_path):
    write(tmp_path / "x_noisy.wav", 160)
    write(tmp_path / "x_clean.wav", 161)
    with pytest.raises(StapesError, match=r"160 samples.*161"):
        read_pair(find_pairs(tmp_path)[0])


def test_what_holds_for_many_files_is_said_once(tmp_path):
    for name in ("a", "b", "c"):
        for kind in ("noisy", "clean"):
            soundfile.write(tmp_path / f"{name}_{kind}.wav", np.full(4800, 0.1), 48_000)
    with pytest.warns(UserWarning, match="resampled") as each:
        recordings = [read_pair(pair) for pair in find_pairs(tmp_path)]
    with pytest.warns(UserWarning, match="resampled") as said:
        tell_once([str(remark.message) for remark in each])
    assert [len(noisy) for noisy, _ in recordings] == [1600] * 3
    assert [str(remark.message) for remark in said] == [
        f"{tmp_path / 'a_noisy.wav'} (and 5 more): resampled from 48000 to 16000 Hz"
    ]
