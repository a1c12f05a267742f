"""What is linked into the firmware: no function that allocates or prints, no recursion, three functions of the C library."""

import re
import subprocess

import pytest
from stapes.firmware_sim.device import toolchain
from stapes.firmware_sim.device.firmware import Firmware
from stapes.tools.library.export import write_c

from tests.machine import require

OBJDUMP = "arm-none-eabi-objdump"
LIBRARY = {"memcpy", "memset", "memmove"}
# Divisions of 64 bits, which the instruction set lacks: helpers of the compiler.
HELPERS = re.compile(r"__aeabi_\w+|__u?divmoddi4|__u?div[sd]i3")
OURS = re.compile(r"gru_mask_\w+|stapes_\w+|arm_\w+|shim_\w+")


POINTER = "a function through a pointer"
ASSEMBLY = (
    "stapes_rows_once",
    "stapes_rows_twice",
    "stapes_sparse_once",
    "stapes_sparse_twice",
    "stapes_window_rows",
)
ENTRIES = ("gru_mask_init", "gru_mask_reset", "gru_mask_process", "gru_mask_self_test")


@pytest.fixture(scope="module")
def elf(bundle_of, tmp_path_factory):
    """The linked program with its self-test."""
    require("device gcc", OBJDUMP)
    bundle = bundle_of("zoo", "w8a16")
    work = tmp_path_factory.mktemp("linked")
    write_c(bundle, work / bundle.name)
    found = toolchain.find_toolchain("gcc")
    return toolchain.build(work / bundle.name, bundle.name, work, toolchain=found, self_test=True).elf


@pytest.fixture(scope="module")
def calls(elf):
    """Function -> functions that it calls or ends in."""
    text = subprocess.run([OBJDUMP, "-d", str(elf)], capture_output=True, text=True, check=True).stdout
    graph, function = {}, ""
    for line in text.splitlines():
        if head := re.fullmatch(r"[0-9a-f]+ <(\S+)>:", line):
            function = head[1]
            graph[function] = set()
        elif called := re.search(r"\tblx?\s+[0-9a-f]+ <([^>+]+)>", line):
            graph[function].add(called[1])
        elif left := re.search(r"\tb(?:\w\w)?(?:\.[nw])?\s+[0-9a-f]+ <([^>+]+)>", line):
            graph[function] |= {left[1]} - {function}  # a branch to the own start is a loop
        # Assembly of ours jumps within itself through a register.
        elif re.search(r"\tblx\s+r\d", line) or (re.search(r"\tbx\s+r\d", line) and function not in ASSEMBLY):
            graph[function].add(POINTER)
    return graph


@pytest.fixture(scope="module")
def reached(calls):
    """Function -> all that it may come to call."""

    def get(start):
        pending, seen = [start], set()
        while pending:
            new = calls.get(pending.pop(), set()) - seen
            seen |= new
            pending += new
        return seen

    return get


def test_of_the_c_library_is_called_only_what_moves_memory(elf, reached):
    library = {s.name for s in Firmware(elf).symbols if s.kind == "STT_FUNC" and not s.file}
    library = {name for name in library if not OURS.fullmatch(name)}
    called = set().union(*(reached(entry) for entry in ENTRIES)) & library
    assert {name for name in called if not HELPERS.fullmatch(name)} <= LIBRARY
    assert "memcpy" in called


def test_no_function_reaches_itself_and_none_is_called_through_a_pointer(reached):
    below = set(ENTRIES).union(*(reached(entry) for entry in ENTRIES))
    assert len(below) > 25
    assert POINTER not in below
    assert [function for function in below if function in reached(function)] == []
