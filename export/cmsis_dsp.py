"""CMSIS-DSP's real Q31 transform beside exported C: file by file, or joined into one unit for tools without include paths.

CMSIS-DSP is under Apache-2.0, which lets its files be passed on with its licence and their notices; files that were
changed have to say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..models.errors import StapesError
from ..quantize.audio.rfft import CMSIS_DEFINES, CMSIS_SOURCES

# What the six sources include, and no more: everything else stands under conditions that do not hold (Neon, Helium, other compilers).
CMSIS_HEADERS = (
    "Include/arm_math_types.h",
    "Include/arm_math_memory.h",
    "Include/arm_common_tables.h",
    "Include/dsp/none.h",
    "Include/dsp/utils.h",
    "Include/dsp/basic_math_functions.h",
    "Include/dsp/fast_math_functions.h",
    "Include/dsp/complex_math_functions.h",
    "Include/dsp/transform_functions.h",
    "PrivateInclude/arm_compiler_specific.h",
)
FOLDER = "third_party/cmsis-dsp"
LICENCE = Path(__file__).parent / "packages" / "templates" / "common" / "LICENSE"
_ABOUT = """\
# Files of CMSIS-DSP

The real Q31 transform of Arm's CMSIS-DSP, six C files and the headers that they include, unchanged, with their notices. Copyright Arm
Limited and others, under the Apache License 2.0 (`LICENSE`). The whole library: ARM-software/CMSIS-DSP.
"""
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)".*$', re.MULTILINE)
_CALL = re.compile(r"\b(arm_\w+)[ \t]*\(")


@dataclass(frozen=True)
class CmsisDsp:
    """Relative name -> bytes of the sources and the headers, unchanged."""

    files: Mapping[str, bytes]

    @classmethod
    def read(cls, folder: Path) -> CmsisDsp:
        """The files in a folder of CMSIS-DSP; raises StapesError for one that is not there."""
        files = {}
        for name in (*CMSIS_SOURCES, *CMSIS_HEADERS):
            try:
                files[name] = (folder / name).read_bytes()
            except OSError:
                raise StapesError(
                    f"{folder / name}: cannot be read; the C brings CMSIS-DSP's transform along, give a whole CMSIS-DSP folder"
                ) from None
        return cls(files)

    def beside(self) -> dict[str, bytes]:
        """Relative name -> bytes of `FOLDER` in an export: the files, their licence, and what they are."""
        more = {"README.md": _ABOUT.encode(), "LICENSE": LICENCE.read_bytes()}
        return {f"{FOLDER}/{name}": data for name, data in {**self.files, **more}.items()}

    def joined(self, prefix: str, last: Sequence[tuple[str, str]]) -> str:
        """One C unit of the sources and, after them, of `last` (name, text), each header where it is first included.

        Functions get `prefix` by macros, so that a CMSIS-DSP of the platform can be linked as well. An include of a
        header that is not carried stays as it is.
        """
        functions = sorted({name for source in CMSIS_SOURCES for name in _CALL.findall(self._text(source))})
        seen: set[str] = set()
        parts = [f"#define {name}" for name in CMSIS_DEFINES]
        parts += [f"#define {name} {prefix}_{name}" for name in functions]
        parts += [_headed(name, self._inlined(self._text(name), seen)) for name in CMSIS_SOURCES]
        parts += [_headed(name, self._inlined(text, seen)) for name, text in last]
        return "\n".join(parts)

    def _text(self, name: str) -> str:
        # Some begin with a byte order mark, and their comments are in no one encoding.
        return self.files[name].decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\ufffd", "?")

    def _inlined(self, text: str, seen: set[str]) -> str:
        def replace(match: re.Match[str]) -> str:
            found = [name for name in CMSIS_HEADERS if name.partition("/")[2] == match[1]]
            if not found:
                return match[0]
            if found[0] in seen:
                return f"/* {match[1]}: see above */"
            seen.add(found[0])
            return _headed(found[0], self._inlined(self._text(found[0]), seen))

        return _INCLUDE.sub(replace, text)


def _headed(name: str, text: str) -> str:
    return f"\n/* ==== {name} ==== */\n\n{text.rstrip()}\n\n/* ==== end of {name} ==== */\n"
