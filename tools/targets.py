"""What `stapes export` writes; no more than names, as the command's help needs them too."""

from enum import StrEnum


class Target(StrEnum):
    """What can be exported."""

    c = "c"
    tflite = "tflite"
    onnx = "onnx"
    vectors = "vectors"


class Package(StrEnum):
    """The build systems that C can be wrapped for."""

    cmake = "cmake"
    arduino = "arduino"
    zephyr = "zephyr"
    cmsis_pack = "cmsis-pack"
