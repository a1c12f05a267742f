"""The CMake package: a library target, an example for the host and the emulated Cortex-M7, and presets for both."""

from __future__ import annotations

from .contents import Contents


def cmake_files(contents: Contents) -> dict[str, str | bytes]:
    """Relative name -> content."""
    audio = contents.program.audio is not None
    files: dict[str, str | bytes] = {
        "CMakeLists.txt": contents.render("cmake/CMakeLists.txt.j2", sources=contents.sources),
        "CMakePresets.json": contents.render("cmake/CMakePresets.json.j2"),
        "README.md": contents.render("cmake/README.md.j2"),
        "cmake/cortex-m7.cmake": contents.render("cmake/cortex-m7.cmake.j2"),
        "example/CMakeLists.txt": contents.render("cmake/example.cmake.j2"),
        "example/cortex-m7/mps2_an500.ld": contents.render("cmake/mps2_an500.ld.j2"),
        "example/cortex-m7/startup.c": contents.render("cmake/startup.c.j2"),
    }
    if audio:
        files |= {f"example/wav.{end}": contents.render(f"cmake/wav.{end}.j2") for end in ("h", "c")}
    main = "cmake/main.c.j2" if audio else "common/network_main.c.j2"
    files |= {f"example/{name}": text for name, text in contents.example(main).items()}
    files |= {f"src/{name}": text for name, text in contents.library.items()}
    if contents.cmsis_dsp is not None:
        files |= contents.cmsis_dsp.beside()
    return files
