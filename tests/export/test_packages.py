"""What all firmware packages have in common: the same bytes, whole or not at all, and a double buffer that counts what is late."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from stapes.export.c.names import LONGEST
from stapes.export.packages import PACKAGES
from stapes.models.audio.front_end import with_front_end
from stapes.models.errors import StapesError

from tests.export.networks import network
from tests.export.packages import (
    NAME,
    WARNINGS,
    call,
    compile_all,
    delayed,
    package,
    texts,
    write,
)
from tests.export.programs import HASH
from tests.machine import M7, cmsis_dsp, require

STREAM_TEST = Path(__file__).with_name("package_stream.c")


@pytest.mark.parametrize("kind", PACKAGES)
def test_the_same_bundle_gives_the_same_bytes(kind, tmp_path):
    assert texts(write(kind, tmp_path / "again")) == texts(package(kind))


@pytest.mark.parametrize("audio", [True, False])
@pytest.mark.parametrize("kind", PACKAGES)
def test_every_package_is_complete(kind, audio):
    files = texts(package(kind, audio))
    assert {"README.md", "LICENSE", "stapes-package.json", f"src/{NAME}.h", f"src/{NAME}_self_test.c"} <= set(files)
    assert (f"src/{NAME}_stream.c" in files) is audio
    assert not any(name.endswith((f"{NAME}_runner.c", "Makefile")) for name in files)
    assert b"Apache License" in files["LICENSE"]
    marker = json.loads(files["stapes-package.json"])
    hashed = marker.pop("files")
    told = {"bundle_sha256": HASH, "name": NAME, "recipe": "w8a16", "stapes": "1.2.3", "target": "cortex-m7"}
    assert marker == {**told, "package": kind}
    del files["stapes-package.json"]
    assert hashed == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_program_of_mixed_radix_asks_for_no_cmsis_dsp(kind, tmp_path):
    mixed = with_front_end(network().sound_path, {"mixed_radix": True})
    files = texts(write(kind, tmp_path / NAME, sound_path=mixed, cmsis_dsp=None))
    assert not [name for name in files if "cmsis" in name.lower()]
    of_itself = {
        name: data for name, data in files.items() if not name.startswith("src/") and not name.endswith(".pack")
    }
    assert not [
        name
        for name, data in of_itself.items()
        if re.search(rb"CMSIS.?DSP|CMSIS:DSP|AUTOVECTORIZE", data, re.IGNORECASE)
    ]
    assert b"CMSIS" in b"".join(texts(package(kind)).values())


@pytest.mark.parametrize("kind", PACKAGES)
def test_every_file_tells_its_bundle(kind):
    for name, content in texts(package(kind)).items():
        of_others = name in ("LICENSE", "stapes-package.json") or "/runtime/" in name or "third_party" in name
        if not of_others and not name.endswith(".pack"):
            assert HASH in content.decode("utf-8"), name


@pytest.mark.parametrize("audio", [True, False])
@pytest.mark.parametrize("kind", PACKAGES)
def test_a_readme_tells_use_memory_latency_self_test_and_licence(kind, audio):
    text = texts(package(kind, audio))["README.md"].decode("utf-8")
    assert text.startswith(f"# {NAME}\n")
    for heading in ("Memory, in bytes", "Self-test", "Origin and licence"):
        assert f"\n## {heading}\n" in text
    assert ("\n## Latency\n" in text) is audio
    assert f"{NAME}_self_test(&" in text
    assert "\n\n\n" not in text
    assert not re.search(r"[{}]{2}|{%", text)


def test_the_memory_of_the_readme_is_that_of_the_device(tmp_path):
    require("arm-none-eabi-gcc")
    for audio, what in ((True, "stream"), (False, "context")):
        folder = package("cmake", audio)
        (row,) = re.findall(r"^\| all \| ([\d,]+) \| ([\d,]+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
        header = f"{NAME}_stream.h" if audio else f"{NAME}.h"
        source = tmp_path / "size.c"
        source.write_text(
            f'#include "{header}"\n'
            f"typedef char right[sizeof({NAME}_{what}) == {row[0].replace(',', '')} ? 1 : -1];\n"
            f"typedef char right_too[{NAME.upper()}_WEIGHT_BYTES == {row[1].replace(',', '')} ? 1 : -1];\n"
        )
        includes = [f"-I{folder / 'src'}", *(f"-isystem{path}" for path in cmsis_dsp().include_dirs)]
        call(["arm-none-eabi-gcc", *M7, "-std=c99", *includes, "-fsyntax-only", source])


# ---- the double buffer


@pytest.fixture(scope="module")
def stream_test(tmp_path_factory):
    """`package_stream.c` on the double buffer: a scenario, and the recording in whole hops -> what it printed, what was sent."""
    require("gcc sanitised")
    work, folder = tmp_path_factory.mktemp("stream"), package("cmake")
    cmsis = cmsis_dsp()
    common = ["gcc", "-std=c99", "-O2", f"-I{folder / 'src'}", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    common += ['-DSTAPES_STREAM_HEADER="package_stream.h"', f"-I{STREAM_TEST.parent}"]
    system = [*(f"-isystem{path}" for path in cmsis.include_dirs), *(f"-D{name}" for name in cmsis.defines)]
    own = [STREAM_TEST, *(folder / "src").glob("*.c"), *(folder / "src" / "runtime").rglob("*.c")]
    objects = compile_all([*common, *system, *WARNINGS], own, work)
    objects += compile_all([*common, *system, "-w", "-fno-sanitize=all"], cmsis.c_files, work)
    call([*common, *objects, "-o", work / "stream"])

    def run(scenario, audio, code=0):
        audio.astype("<i2").tofile(work / "in.raw")
        said = call([work / "stream", scenario], work, code)
        return said, np.fromfile(work / "out.raw", "<i2")

    return run


@pytest.fixture(scope="module")
def recording():
    net = network()
    whole = len(net.audio_in_q15) // net.sound_path.hop * net.sound_path.hop
    return net.audio_in_q15[:whole], net.run.audio_q15[0][:whole]


def test_blocks_done_in_time_are_those_of_the_numpy_engine(stream_test, recording):
    said, sent = stream_test("steady", recording[0])
    assert said == "overruns 0, status 0\n"
    np.testing.assert_array_equal(sent, delayed(recording[1], 64, len(sent)))


@pytest.mark.parametrize("lead", [1, 17, 63])
def test_a_sending_dma_that_starts_later_shortens_the_latency(stream_test, recording, lead):
    said, sent = stream_test(f"lead {lead} {lead}", recording[0])
    assert said == "overruns 0, status 0\n"
    silent = 64 + lead
    np.testing.assert_array_equal(sent[silent:], recording[1][: len(sent) - silent])
    assert not sent[:silent].any()
    # One sample more, and the first of each block is sent before it is there.
    _, sent = stream_test(f"lead {lead} {lead + 1}", recording[0])
    wrong = np.flatnonzero(sent[silent:] != recording[1][: len(sent) - silent])
    assert len(wrong)
    assert set(wrong % 64) == {0}


def test_a_block_that_takes_too_long_is_counted_and_the_next_ones_are_right_again(stream_test, recording):
    # Block 20 ends when 22 is complete: 20 is late, 21 is skipped.
    said, _ = stream_test("stall 20 2", recording[0])
    assert said == "overruns 2, status 0\n"
    said, _ = stream_test("stall 20 1", recording[0])
    assert said == "overruns 1, status 0\n"


@pytest.mark.parametrize("hops", [2, 3, 4, 7, 20])
def test_every_block_that_a_masked_device_could_not_take_is_counted_and_none_is_torn(stream_test, recording, hops):
    said, sent = stream_test(f"away 30 {hops}", recording[0])
    assert said == f"overruns {hops - 1}, status 0\n"
    expected = delayed(recording[1], 64, len(sent))
    np.testing.assert_array_equal(sent[: 32 * 64], expected[: 32 * 64])


def test_a_context_that_is_destroyed_gives_silence_and_the_status(stream_test, recording):
    said, sent = stream_test("destroy 40", recording[0])
    assert said == "overruns 0, status 2\n"
    assert sent[41 * 64 : 42 * 64].any()
    assert not sent[42 * 64 :].any()


# ---- what is refused


@pytest.mark.parametrize("kind", PACKAGES)
def test_another_folder_is_not_overwritten(kind, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    with pytest.raises(StapesError, match="holds other files"):
        write(kind, tmp_path / "mine")
    assert texts(tmp_path / "mine") == {"README.md": b"mine"}


def test_an_earlier_package_is_replaced_and_what_others_put_there_stays(tmp_path):
    shutil.copytree(package("zephyr"), tmp_path / "made")
    (tmp_path / "made" / "build").mkdir()
    for name in ("build/mine.c", "src/board.c"):
        (tmp_path / "made" / name).write_bytes(b"mine")
    write("cmake", tmp_path / "made")
    assert texts(tmp_path / "made") == texts(package("cmake")) | {"build/mine.c": b"mine", "src/board.c": b"mine"}


@pytest.mark.parametrize("name", ["example/main.c", "stapes-package.json"])
def test_what_a_user_changed_is_not_lost(tmp_path, name):
    shutil.copytree(package("cmake"), tmp_path / "made")
    (tmp_path / "made" / name).write_text("my own code")
    before = texts(tmp_path / "made")
    with pytest.raises(StapesError, match=f"{name}: (has been changed|damaged)"):
        write("cmake", tmp_path / "made")
    assert texts(tmp_path / "made") == before


def test_a_folder_without_cmsis_dsp_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "empty").mkdir()
    for given in (tmp_path / "empty", None):
        with pytest.raises(StapesError, match="CMSIS-DSP"):
            write("arduino", tmp_path / "made", cmsis_dsp=given)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("kind", PACKAGES)
def test_every_name_that_a_program_can_have_is_taken(kind, tmp_path):
    name = "a" * LONGEST
    folder = write(kind, tmp_path / "p", name=name)
    assert (folder / f"src/{name}.h").is_file()
    if kind == "cmsis-pack":
        root = ElementTree.parse(folder / f"stapes.{name}.pdsc").getroot()
        subs = {element.get("Csub") for element in root.iter("component")}
        assert max(map(len, subs)) <= 32


def test_a_package_of_another_kind_and_vectors_without_audio_are_refused(tmp_path):
    with pytest.raises(StapesError, match="cmake, arduino, zephyr, cmsis-pack"):
        write("conan", tmp_path / "made")
    codes = {key: data for key, data in network().vectors.items() if not key.startswith("audio_")}
    with pytest.raises(StapesError, match="no audio"):
        write("zephyr", tmp_path / "made", vectors=codes)
    assert list(tmp_path.iterdir()) == []
