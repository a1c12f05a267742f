"""The C audio path, compiled once a session for each compiler."""

import pytest

from tests.firmware_sim.audio_c import compile_library


@pytest.fixture(scope="session")
def audio_library(tmp_path_factory):
    """Function from a build's name to its shared library."""
    libraries = {}

    def library(build):
        if build not in libraries:
            libraries[build] = compile_library(tmp_path_factory.mktemp(build), build)
        return libraries[build]

    return library
