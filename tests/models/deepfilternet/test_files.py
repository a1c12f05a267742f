"""DeepFilterNet3's files: where they may stand, what they must be, and that they must fit each other."""

import gzip
import io
import tarfile
import tomllib
from pathlib import Path

import onnx
import pytest
from stapes.models.archives import files_of
from stapes.models.audio import SoundPath, kinds, read_sound_path
from stapes.models.deepfilternet import is_deepfilternet, join, read_files, read_settings, require_no_part, sound_path
from stapes.models.errors import StapesError

from tests.deep_filter_features import FULL_BAND
from tests.models.deepfilternet.small import CONFIG, NAMES, WIDTHS, archive_of, folder_of, small

ZOO = Path(__file__).parents[3] / "models" / "zoo"

# What the official config.ini says of the path.
OFFICIAL = (
    CONFIG.format(bands=32, bins=96, channels=64, hidden=256)
    .replace("df_order = 2", "df_order = 5")
    .replace("lookahead = 1", "lookahead = 2")
)


def settings(**changed):
    return read_settings(CONFIG.format(**{**WIDTHS, **changed}).encode(), "c")


def graphs(files):
    return {name.removesuffix(".onnx"): onnx.load_model_from_string(files[name]) for name in NAMES[:3]}


def test_an_archive_its_folder_and_a_file_beside_the_others_are_the_same_network(tmp_path):
    files = small()
    folder = folder_of(tmp_path / "unpacked" / "tmp" / "export", files)
    places = [
        archive_of(tmp_path / "a.tar.gz", files), tmp_path / "unpacked", folder, folder / "enc.onnx", folder / "config.ini",
    ]  # fmt: skip
    assert all(is_deepfilternet(place) for place in places)
    found = [read_files(place) for place in places]
    assert all(f.graphs == found[0].graphs and f.config == found[0].config for f in found)
    assert found[0].whole == places[0].read_bytes()
    assert not is_deepfilternet(tmp_path / "enc.onnx")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_missing_is_named(name, tmp_path):
    files = {key: b"" for key in NAMES if key != name}
    for place in (folder_of(tmp_path / "f", files), archive_of(tmp_path / "a.tar.gz", files)):
        with pytest.raises(StapesError, match=rf"^{place}: {name} of DeepFilterNet3 is missing beside"):
            read_files(place)


def test_one_of_the_files_alone_is_told_what_is_missing(tmp_path):
    alone = folder_of(tmp_path / "f", {"config.ini": b""})
    with pytest.raises(StapesError, match=r"enc.onnx, erb_dec.onnx, df_dec.onnx of DeepFilterNet3 are missing beside"):
        read_files(alone / "config.ini")
    others = {
        "enc": "erb_dec.onnx, df_dec.onnx",
        "erb_dec": "enc.onnx, df_dec.onnx",
        "df_dec": "enc.onnx, erb_dec.onnx",
    }
    for part, model in graphs(small()).items():
        message = rf"^x: has the inputs of {part}.onnx, one of the three .*, and {others[part]}, config.ini are missing"
        with pytest.raises(StapesError, match=message):
            require_no_part([value.name for value in model.graph.input], "x")
    require_no_part(["feat_erb"], "x")


def test_a_file_that_is_named_means_the_folder_that_it_stands_in(tmp_path):
    folder = folder_of(tmp_path / "f", small())
    folder_of(folder / "older", small())
    with pytest.raises(StapesError, match="several networks"):
        read_files(folder)
    assert read_files(folder / "enc.onnx").config == small()["config.ini"]


def test_other_folders_and_archives_are_told_from_it(tmp_path):
    with pytest.raises(StapesError, match=r"f: a folder, and not that of DeepFilterNet3"):
        read_files(folder_of(tmp_path / "f", {"a.pt": b""}))
    with pytest.raises(StapesError, match=r"a.tgz: an archive, and not that of DeepFilterNet3"):
        read_files(archive_of(tmp_path / "a.tgz", {"a.pt": b""}))
    folder_of(tmp_path / "two" / "a", {"enc.onnx": b""})
    folder_of(tmp_path / "two" / "b", {"enc.onnx": b""})
    with pytest.raises(StapesError, match="two: several networks in it"):
        read_files(tmp_path / "two")


HOSTILE = {
    "leads out": ("../enc.onnx", tarfile.REGTYPE, "'../enc.onnx' leads out of the archive"),
    "absolute": ("/enc.onnx", tarfile.REGTYPE, "'/enc.onnx' leads out of the archive"),
    "a link": ("tmp/enc.onnx", tarfile.SYMTYPE, "'tmp/enc.onnx' is a link or a device"),
    "a hard link": ("tmp/enc.onnx", tarfile.LNKTYPE, "'tmp/enc.onnx' is a link or a device"),
    "a device": ("tmp/enc.onnx", tarfile.CHRTYPE, "'tmp/enc.onnx' is a link or a device"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_of_anything_but_plain_files_below_it_is_refused(case, tmp_path):
    name, kind, message = HOSTILE[case]
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "enc.onnx"
        tar.addfile(member)
    with pytest.raises(StapesError, match=message):
        files_of(tmp_path / "a.tar.gz", NAMES, 1 << 20)


def test_an_archive_that_unpacks_to_much_more_is_refused_before_it_is_unpacked(tmp_path):
    for name in ("enc.onnx", "other"):
        bomb = archive_of(tmp_path / "bomb.tar.gz", {name: bytes(20 << 20)})
        assert bomb.stat().st_size < 1 << 16
        with pytest.raises(StapesError, match=r"bomb.tar.gz: unpacks to more than 4 MB"):
            files_of(bomb, NAMES, 4 << 20)


def test_damaged_archives_and_one_with_two_networks_are_refused(tmp_path):
    path = tmp_path / "a.tar.gz"
    whole = archive_of(path, {"enc.onnx": bytes(range(256)) * 500}).read_bytes()
    for content in (
        whole[: len(whole) // 2],
        b"\x1f\x8bnothing",
        gzip.compress(b"no archive" * 100),
        whole[:-4] + b"aaaa",
    ):
        path.write_bytes(content)
        with pytest.raises(StapesError, match=r"a.tar.gz: not a .tar.gz archive, or damaged"):
            files_of(path, NAMES, 1 << 20)
    with tarfile.open(path, "w:gz") as tar:
        for top in ("a", "b"):
            tar.addfile(tarfile.TarInfo(f"{top}/enc.onnx"), io.BytesIO())
    with pytest.raises(StapesError, match=r"holds enc.onnx twice"):
        files_of(path, NAMES, 1 << 20)


CONFIGS = {
    "the first network": (
        "model = deepfilternet3",
        "model = deepfilternet",
        r"DeepFilterNet \(the first\), not DeepFilterNet3",
    ),
    "the second network": ("model = deepfilternet3", "model = DeepFilterNet2", "DeepFilterNet2, not DeepFilterNet3"),
    "no model": ("model = deepfilternet3", "", "names no model"),
    "text for a number": ("nb_df = 12", "nb_df = many", "df.nb_df is 'many'; it must be a whole number"),
    "a number that is none": ("norm_tau = 1", "norm_tau = nan", "norm_tau"),
    "a huge number": ("nb_erb = 8", "nb_erb = 99999999999999999999", "df.nb_erb is"),
    "a key that is missing": ("df_order = 2\n", "", "df.df_order is missing"),
    "another hop": ("hop_size = 480", "hop_size = 240", "fft_size 960 is not twice hop_size 240"),
    "a section twice": ("[df]", "[train]", "not an .ini file"),
    "no text": ("[df]", "\xff", "not an .ini file"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_settings_that_are_not_those_of_the_network_are_one_line(case):
    old, new, message = CONFIGS[case]
    text = CONFIG.format(**WIDTHS).replace(old, new)
    assert old in CONFIG.format(**WIDTHS)
    with pytest.raises(StapesError, match=f"^c: .*{message}") as refused:
        read_settings(text.encode("latin-1"), "c")
    assert "\n" not in str(refused.value)


CONTRADICTIONS = {
    "bands": ({"bands": 9}, "nb_erb = 9, but the graphs have 8 bands of feat_erb"),
    "bins": ({"bins": 10}, "nb_df = 10, but the graphs have 12 bins of feat_spec"),
    "channels": ({"channels": 6}, "conv_ch = 6, but the graphs have 4 channels of e0"),
    "units": ({"hidden": 8}, "emb_hidden_dim = 8, but the graphs have 16 units of a GRU"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_settings_that_contradict_the_graphs_are_refused(case):
    changed, message = CONTRADICTIONS[case]
    with pytest.raises(StapesError, match=f"^n: config.ini says {message}"):
        join(graphs(small()), settings(**changed), "n")


def test_graphs_that_do_not_fit_each_other_are_refused():
    mixed = {**graphs(small()), "df_dec": graphs(small(channels=8))["df_dec"]}
    with pytest.raises(
        StapesError, match=r"^n: df_dec.onnx wants emb of shape \(1, 3, 16\) for 3 frames, enc.onnx gives \(1, 3, 8\)"
    ):
        join(mixed, settings(), "n")
    with pytest.raises(StapesError, match=r"^n: erb_dec.onnx has the inputs emb, c0, that of DeepFilterNet3 emb, e3"):
        join({**graphs(small()), "erb_dec": graphs(small())["df_dec"]}, settings(), "n")
    cut = graphs(small())
    del cut["enc"].graph.output[4]
    with pytest.raises(StapesError, match=r"^n: enc.onnx has no output emb"):
        join(cut, settings(), "n")


def test_config_ini_describes_the_path_of_the_sound():
    found = sound_path(read_settings(OFFICIAL.encode(), "c"), "c")
    assert found.to_tables() == [
        {"kind": "transform", "sample_rate": 48000, "analysis": 960, "synthesis": 960, "hop": 480, "window": "vorbis"},
        *({"kind": kind} for kind in ("power", "erb_level", "unit_spectrum", "look_ahead", "band_gains", "deep_filter", "inverse")),
    ]  # fmt: skip
    assert (found.delay, found.latency) == (1440, 1920)
    small_one = sound_path(settings(), "c")
    assert (small_one.delay, {q.tensor: q.shape for q in small_one.asked}) == (
        960,
        {"gains": (8,), "coefs": (12, 2, 2)},
    )


OTHER_PATHS = {
    "looks further than it hears": (
        {"conv_lookahead = 1": "conv_lookahead = 2"},
        "conv_lookahead is 2 and df_lookahead 1",
    ),
    "too few taps": ({"df_order = 2": "df_order = 1"}, "df_order 1 is not more than df_lookahead 1; train with more"),
    "no such rate": ({"sr = 48000": "sr = 11025"}, "sample_rate 11025: give one of"),
    "more bins than there are": ({"nb_df = 12": "nb_df = 900"}, "bins 900: this transform has 481 bins"),
}


@pytest.mark.parametrize("case", OTHER_PATHS)
def test_a_path_that_the_stages_cannot_make_is_refused(case):
    changed, message = OTHER_PATHS[case]
    text = CONFIG.format(**WIDTHS)
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(StapesError, match=f"^c: {message}"):
        sound_path(read_settings(text.encode(), "c"), "c")


def test_the_path_that_comes_along_for_soft_speech_is_the_official_one_with_the_level():
    known = kinds()
    made = read_sound_path(tomllib.loads((ZOO / "dfn3_level.toml").read_text(encoding="utf-8")))
    plain = [known[kind]() for kind in ("look_ahead", "band_gains", "deep_filter", "inverse")]
    level = (known["sound_level"](), known["erb_level"](level=True), known["unit_spectrum"](form="level"))
    assert made == SoundPath((FULL_BAND, known["power"](), *level, *plain))
