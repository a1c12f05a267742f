"""What `stapes export` writes; no more than names, as the command's help needs them too."""

from enum import StrEnum


class Target(StrEnum):
    """What can be exported."""

    c = "c"
    tflite = "tflite"
    onnx = "onnx"
    vectors = "vectors"


class Processor(StrEnum):
    """For which processors C can be exported; `export.targets` says which of them are there."""

    cortex_m7 = "cortex-m7"
    portable = "portable"
    host = "host"
    cortex_m55 = "cortex-m55"


class Package(StrEnum):
    """The build systems that C can be wrapped for."""

    cmake = "cmake"
    arduino = "arduino"
    zephyr = "zephyr"
    cmsis_pack = "cmsis-pack"
