"""The CMake package built as its README says, for the host and for the Cortex-M7, and run on both."""

import shutil

import numpy as np
import pytest
import soundfile

from tests.export.networks import network
from tests.export.packages import NAME, call, emulate, package, write
from tests.machine import cmsis_dsp, require

PRESETS = {"host": ("cmake", "ninja", "gcc"), "cortex-m7": ("cmake", "ninja", "arm-none-eabi-gcc", "qemu-system-arm")}


def build(folder, preset, *options):
    require(*PRESETS[preset])
    call(["cmake", "--preset", preset, "-G", "Ninja", *options], folder)
    said = call(["cmake", "--build", "--preset", preset, "-j", 1], folder)
    assert "warning" not in said
    return folder / "build" / preset / f"{NAME}_example"


def change_a_weight(folder):
    """One bit of the first weight."""
    weights = folder / "src" / f"{NAME}_weights.c"
    begin, rows = weights.read_text().split("] = {\n", 1)
    first, rest = rows.split(",", 1)
    weights.write_text(f"{begin}] = {{\n    {int(first) ^ 1},{rest}")


@pytest.fixture(scope="module", params=PRESETS)
def programs(request, tmp_path_factory):
    """A preset's example, tested as the README says, and the same with one wrong weight."""
    folder = tmp_path_factory.mktemp(request.param) / NAME
    shutil.copytree(package("cmake"), folder)
    program = build(folder, request.param)
    assert "100% tests passed" in call(["ctest", "--preset", request.param], folder)
    good = shutil.copy(program, folder / "good")
    change_a_weight(folder)
    return request.param, good, build(folder, request.param)


@pytest.fixture
def example(programs):
    """Run the example: arguments, folder, exit code -> what it printed."""
    preset, good, _ = programs

    def run(arguments=(), cwd=None, code=0):
        return call([good, *arguments], cwd, code) if preset == "host" else emulate(good, [NAME, *arguments], cwd, code)

    return run


def test_golden_audio_comes_out_of_the_double_buffer_bit_for_bit(example):
    said = example()
    assert "self-test: every bit agrees" in said
    assert "102 blocks of 64 samples, 0 overruns, status 0" in said
    assert "golden audio: 0 samples differ" in said


def test_a_file_is_streamed_with_the_bits_of_the_numpy_engine(example, tmp_path):
    net = network()
    soundfile.write(tmp_path / "in.wav", net.audio_in_q15[:4001], 16000, subtype="PCM_16")
    assert " 0 overruns, status 0" in example(["in.wav", "out.wav"], tmp_path)
    sent, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    lag = 2 * net.sound_path.hop + net.sound_path.delay
    assert rate == 16000
    assert len(sent) >= 4001 + lag
    assert not sent[: 2 * net.sound_path.hop].any()
    whole = 4001 // 64 * 64  # the engine heard the rest of the last block, the file ends there
    np.testing.assert_array_equal(sent[128:][:whole], net.run.audio_q15[0][:whole])


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"), [(48000, 1, "PCM_16"), (16000, 2, "PCM_16"), (16000, 1, "PCM_24")]
)
def test_a_file_that_does_not_fit_is_refused(example, tmp_path, rate, channels, subtype):
    soundfile.write(tmp_path / "in.wav", np.zeros((640, channels)), rate, subtype=subtype)
    said = example(["in.wav", "out.wav"], tmp_path, code=65)
    assert "in.wav: must be 16-bit PCM, one channel, 16000 Hz" in said
    assert not (tmp_path / "out.wav").exists()


def test_files_that_cannot_be_opened_and_wrong_arguments_have_exit_codes(example, tmp_path):
    example(["missing.wav", "out.wav"], tmp_path, code=66)
    (tmp_path / "text.wav").write_text("no audio")
    example(["text.wav", "out.wav"], tmp_path, code=65)
    example(["one.wav"], tmp_path, code=64)


def test_the_exit_code_is_the_status_of_a_failed_self_test(programs):
    preset, _, bad = programs
    said = call([bad], code=5) if preset == "host" else emulate(bad, code=5)
    assert "self-test: status 5, ear_" in said


def test_a_network_without_an_audio_path_is_packaged_too(tmp_path):
    folder = write("cmake", tmp_path / NAME, sound_path=None)
    assert not (folder / "third_party").exists()
    said = call([build(folder, "host")])
    assert "network: 100 frames, 0 values differ" in said


def test_the_users_own_cmsis_dsp_takes_the_place_of_the_files_that_come_along(tmp_path):
    folder = write("cmake", tmp_path / NAME)
    shutil.rmtree(folder / "third_party")
    require(*PRESETS["host"])
    own = cmsis_dsp().include_dirs[0].parent
    assert "is no folder of CMSIS-DSP" in call(["cmake", "--preset", "host", "-G", "Ninja"], folder, code=1)
    call(["cmake", "--preset", "host", "-G", "Ninja", f"-DCMSIS_DSP={own}"], folder)
    call(["cmake", "--build", "--preset", "host", "--target", f"{NAME}_cmsis_dsp", "-j", 1], folder)


USE = (
    f'#include "{NAME}_self_test.h"\n#include "{NAME}_stream.h"\nstatic {NAME}_stream stream;\n'
    f"int main(void) {{ return (int){NAME}_self_test(&stream.context, sizeof stream.context, NULL); }}\n"
)


def firmware(folder, language, found_by):
    """A project of this language alone that uses the package, built and run."""
    folder.mkdir(exist_ok=True)
    suffix = {"C": "c", "CXX": "cpp"}[language]
    (folder / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.21)\nproject(firmware LANGUAGES {language})\n"
        f"{found_by}\nadd_executable(firmware main.{suffix})\ntarget_link_libraries(firmware PRIVATE stapes::{NAME})\n"
    )
    (folder / f"main.{suffix}").write_text(USE)
    call(
        ["cmake", "-B", "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_PREFIX_PATH=../installed"], folder
    )
    call(["cmake", "--build", "build", "-j", 1], folder)
    call([folder / "build" / "firmware"])


@pytest.mark.parametrize("language", ["C", "CXX"])
def test_a_firmware_adds_the_folder_and_links_the_target(language, tmp_path):
    require(*PRESETS["host"], "g++")
    shutil.copytree(package("cmake"), tmp_path / NAME)
    firmware(tmp_path, language, f"add_subdirectory({NAME})")
    assert not (tmp_path / "build" / NAME / f"{NAME}_example").exists()


@pytest.mark.parametrize("audio", [True, False])
def test_an_installed_package_is_found(audio, tmp_path):
    require(*PRESETS["host"], "g++")
    folder = tmp_path / NAME
    shutil.copytree(package("cmake", audio), folder)
    call(["cmake", "--preset", "host", "-G", "Ninja", f"-D{NAME.upper()}_EXAMPLE=OFF"], folder)
    call(["cmake", "--build", "--preset", "host", "-j", 1], folder)
    call(["cmake", "--install", "build/host", "--prefix", tmp_path / "installed"], folder)
    shutil.rmtree(folder)
    if audio:
        firmware(tmp_path / "firmware", "CXX", f"find_package({NAME} 1.2.3 REQUIRED)")
    assert (tmp_path / "installed" / "include" / NAME / "runtime" / "stapes_config.h").is_file()
    assert (tmp_path / "installed" / "share" / NAME / "LICENSE").is_file()
