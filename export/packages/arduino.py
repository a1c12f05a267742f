"""The Arduino library: sources under `src`, sketches under `examples`, CMSIS-DSP's transform joined into one C file.

Format: Arduino library specification 1.5, rev. 2.2. An Arduino library has no include path but `src` and no compiler
options, so the transform comes as one unit that needs neither.
"""

from __future__ import annotations

from ..c.runtime import exported_path
from ..template import Code
from .contents import Contents

_TRANSFORM = exported_path("stapes_rfft_q31.c")


def arduino_files(contents: Contents) -> dict[str, str | bytes]:
    """Relative name -> content."""
    files: dict[str, str | bytes] = {
        "library.properties": contents.render("arduino/library.properties.j2"),
        "keywords.txt": contents.render("arduino/keywords.txt.j2"),
        "README.md": contents.render("arduino/README.md.j2"),
        "examples/SelfTest/SelfTest.ino": contents.render("arduino/SelfTest.ino.j2"),
    }
    if contents.program.audio is not None:
        files |= {
            f"examples/DoubleBuffer/simulated_dma.{end}": contents.render(f"common/simulated_dma.{end}.j2")
            for end in ("h", "c")
        }
        files["examples/StereoI2S/board_i2s.h"] = contents.render("arduino/board_i2s.h.j2")
        for sketch in ("DoubleBuffer", "TeensyAudio", "Tympan", "StereoI2S"):
            files[f"examples/{sketch}/{sketch}.ino"] = contents.render(f"arduino/{sketch}.ino.j2")
    else:
        files["examples/GoldenFrames/GoldenFrames.ino"] = contents.render("arduino/GoldenFrames.ino.j2")
    files |= {f"src/{file}": text for file, text in contents.library.items()}
    if contents.cmsis_dsp is not None:
        transform = contents.cmsis_dsp.joined("stapes", [(_TRANSFORM, contents.library[_TRANSFORM])])
        files[f"src/{_TRANSFORM}"] = contents.render("arduino/transform.c.j2", transform=Code(transform))
    return files
