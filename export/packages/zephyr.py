"""The Zephyr module: Kconfig symbol, library, a sample that streams audio, and a ztest of the self-test.

Formats: `zephyr/module.yml` (Zephyr, "Modules"), `sample.yaml` and `testcase.yaml` (Zephyr, "Test Runner (Twister)").
CMSIS-DSP is Zephyr's own module, which the Kconfig symbol selects.
"""

from __future__ import annotations

from .contents import Contents


def zephyr_files(contents: Contents) -> dict[str, str | bytes]:
    """Relative name -> content."""
    audio = contents.program.audio is not None
    render = contents.render
    sample, test = f"samples/{contents.name}_example", f"tests/{contents.name}_self_test"
    files: dict[str, str | bytes] = {
        "README.md": render("zephyr/README.md.j2"),
        "zephyr/module.yml": render("zephyr/module.yml.j2"),
        "zephyr/Kconfig": render("zephyr/Kconfig.j2"),
        "zephyr/CMakeLists.txt": render("zephyr/CMakeLists.txt.j2", sources=contents.sources),
        f"{sample}/CMakeLists.txt": render("zephyr/application.cmake.j2", what="example", simulated=audio),
        f"{sample}/prj.conf": render("zephyr/prj.conf.j2", ztest=False),
        f"{sample}/sample.yaml": render("zephyr/sample.yaml.j2"),
        f"{test}/CMakeLists.txt": render("zephyr/application.cmake.j2", what="self_test", simulated=False),
        f"{test}/prj.conf": render("zephyr/prj.conf.j2", ztest=True),
        f"{test}/testcase.yaml": render("zephyr/testcase.yaml.j2"),
        f"{test}/src/main.c": render("zephyr/ztest.c.j2"),
    }
    main = "zephyr/main.c.j2" if audio else "common/network_main.c.j2"
    files |= {f"{sample}/src/{name}": text for name, text in contents.example(main).items()}
    return files | {f"src/{name}": text for name, text in contents.library.items()}
