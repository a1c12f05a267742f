"""Which names a program can have: its files, its functions and its build targets bear it beside those of other people.

A program `ear` has the header `ear.h`, functions such as `ear_init`, macros such as `EAR_HOP`, a target `ear` of Make,
CMake and Zephyr, and lies in the include path of a whole firmware. All of them must be free.
"""

from __future__ import annotations

import re

from ...models.errors import StapesError
from .text import is_identifier, is_keyword

# So many letters of a name tell in C99 (5.2.4.1), and an Arduino library has no longer one.
LONGEST = 63

# Headers of C and C++, of POSIX, of C libraries and of compilers: `ear.h` in the include path hides `<ear.h>`.
_HEADERS = """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype
    aio aliases alloca ar argp argz byteswap cpio crypt dirent dlfcn elf endian envz err error ethertools execinfo
    fcntl features fmtmsg fnmatch fpu_control fstab fts ftw gconv getopt glob gnu grp gshadow iconv ieee754 ifaddrs
    langinfo lastlog libgen libintl libio link malloc mcheck memory mntent monetary mqueue netdb newlib nl_types
    nlist nss obstack paths poll printf proc_service pthread pty pwd re_comp reent regex regexp resolv sched search
    semaphore sgtty shadow spawn stab strings stropts syscall sysexits syslog tar termio termios thread_db tgmath
    ttyent ucontext ulimit unistd utime utmp utmpx values varargs wait wordexp xlocale
    cpuid emmintrin immintrin mmintrin xmmintrin x86intrin mm_malloc unwind tmmintrin float16
    conio windows
    cpu device board config version soc autoconf kernel init hal pins linker devicetree ztest fatal_error
    wstring wprogram wiring wiring_private wiring_digital wiring_analog print printable stream server client udp
    ipaddress binary wcharacter hardwareserial tone interrupt avr core_pins usb_serial imxrt spi wire eeprom audio
    audiostream pgmspace new itoa
"""
# Lower-case macros of compilers and libraries, and words that the generated files use.
_WORDS = """
    unix linux i386 sun vax mips sparc arm stdin stdout stderr eof null nan inf true false
    simulated_dma runtime wav startup main
"""
# Targets and variables of CMake and Make, libraries of the linker, words of YAML that are no text.
_BUILDING = """
    all all_build build check clean cmake cmsis_dsp cmsisdsp default_target depend edit_cache example firmware help
    install list_install_components app zephyr test tests nightly experimental continuous package package_source
    phony project rebuild_cache run_tests zero_check c m gcc pthread rt dl stdcxx on off yes no
"""
# <name>_init and its like are functions of POSIX, of C11's threads, of Zephyr and of Arm.
_PREFIXES = ("stapes", "arm_", "cmsis", "core_c", "arduino", "pthread", "posix_", "k_", "sys_", "z_", "cmake_", "hal_")
_FUNCTIONS = "sem mtx cnd"
# Files of these names cannot be made on Windows, whatever their ending.
_WINDOWS = "con prn aux nul com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9"
_TAKEN = {
    **dict.fromkeys(_HEADERS.split(), "is the name of a header that a firmware may include"),
    **dict.fromkeys(_WORDS.split(), "is a reserved word of C or of the generated files"),
    **dict.fromkeys(_BUILDING.split(), "is a word of the build systems"),
    **dict.fromkeys(_FUNCTIONS.split(), "begins functions of other libraries"),
    **dict.fromkeys(_WINDOWS.split(), "cannot be the name of a file on Windows"),
}


def fault(name: str) -> str | None:
    """Why no program can have this name, or None where it can.

    >>> fault("gru_mask"), fault("STDINT")
    (None, 'is the name of a header that a firmware may include')
    """
    if is_keyword(name):
        return "is a reserved word"
    if not is_identifier(name):
        return "is no C identifier"
    if len(name) > LONGEST:
        return f"has {len(name)} letters, {LONGEST} at most"
    small = name.lower()  # as macros and some file systems do not tell letters apart
    if small.startswith(_PREFIXES):
        return "begins like the names of a runtime, a library or a platform"
    return _TAKEN.get(small) or (None if is_identifier(small) else "is a reserved word")


def require_name(name: str, what: str, remedy: str = "use letters, digits and underscores, such as gru_mask") -> None:
    """Raise `StapesError` for a name that no program can have; `what` says where it stands."""
    if (found := fault(name)) is not None:
        shown = name if len(name) <= LONGEST else f"{name[:LONGEST]}..."
        raise StapesError(f"{what} {shown!r} {found}; {remedy}")


def free_name(text: str) -> str:
    """A name that a program can have, from that of a file.

    >>> free_name("gru-mask v2"), free_name("3rd"), free_name("while"), free_name("stdint")
    ('gru_mask_v2', 'model_3rd', 'model_while', 'model_stdint')
    """
    cleaned = re.sub(r"[^A-Za-z0-9_]", "_", text)[: 2 * LONGEST].strip("_").lower()[:LONGEST].strip("_") or "model"
    return cleaned if fault(cleaned) is None else f"model_{cleaned}"[:LONGEST].strip("_")
