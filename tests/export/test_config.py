"""A user's configuration header, and the defaults of a Teensy 4: where weights, tables, golden vectors and hot loops are placed."""

from collections import defaultdict

import pytest
from elftools.elf.elffile import ELFFile
from stapes.export.c import export_c

from tests.export.networks import network
from tests.export.packages import call
from tests.export.programs import STAMP
from tests.machine import M7, cmsis_dsp, require

NAME = "ear"
HEADER = """\
#define STAPES_WEIGHTS __attribute__((section(".slow_weights")))
#define STAPES_TABLES __attribute__((section(".quick_tables")))
#define STAPES_GOLDEN __attribute__((section(".slow_golden")))
#define STAPES_HOT __attribute__((section(".itcm")))
#define STAPES_SELF_TEST_NETWORK 0
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    net = network("small")
    folder = tmp_path_factory.mktemp("config") / NAME
    export_c(net.graph, folder, name=NAME, sound_path=net.sound_path, stamp=STAMP, vectors=net.vectors)
    return folder


def placed(folder, work, *flags):
    """Section -> symbols in it, over all objects of the program."""
    require("arm-none-eabi-gcc")
    includes = [f"-isystem{path}" for path in cmsis_dsp().include_dirs]
    defines = [f"-D{name}" for name in cmsis_dsp().defines]
    files = [path.resolve() for path in [*folder.glob("*.c"), *(folder / "runtime").rglob("*.c")]]
    files = [path for path in files if not path.name.endswith("_runner.c")]
    options = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", *includes, *defines, *flags, f"-I{folder.parent}"]
    call(["arm-none-eabi-gcc", *M7, *options, "-c", *files], work)
    found = defaultdict(set)
    for path in work.glob("*.o"):
        with path.open("rb") as file:
            elf = ELFFile(file)
            for symbol in elf.get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["type"] in ("STT_OBJECT", "STT_FUNC") and isinstance(symbol["st_shndx"], int):
                    found[elf.get_section(symbol["st_shndx"]).name].add(symbol.name)
    return found


def test_a_header_of_the_users_places_everything_without_an_edit(program, tmp_path):
    (program.parent / "my_stapes_config.h").write_text(HEADER)
    found = placed(program, tmp_path, "-DSTAPES_CONFIG_FILE=<my_stapes_config.h>")
    assert len(found[".slow_weights"]) > 5
    assert all(name.startswith(f"{NAME}_") for name in found[".slow_weights"])
    assert {"stapes_sigmoid_steps", "stapes_log2_q16_table", "stapes_exp2_q29_table"} <= found[".quick_tables"]
    # The network's vectors are left out by the same header.
    assert found[".slow_golden"] == {f"{NAME}_vector_audio_in_q15", f"{NAME}_vector_audio_out_q15"}
    assert {"stapes_rows", "stapes_rows_once", "stapes_rows_twice"} <= found[".itcm"]


def test_a_teensy_4_keeps_weights_tables_and_vectors_in_flash(program, tmp_path):
    found = placed(program, tmp_path, "-D__IMXRT1062__")
    constants = {name for name in found[".rodata"] if "_vector_" in name or "weights" in name or "table" in name}
    assert not constants
    assert {f"{NAME}_vector_audio_in_q15", f"{NAME}_vector_mask", "stapes_sigmoid_steps"} <= found[".progmem"]
    assert len(found[".progmem"]) > 10
