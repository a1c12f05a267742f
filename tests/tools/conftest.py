"""Bundles of the shipped network, made once for all tests of the tools."""

import functools

import pytest

from quantize.recipe import load_recipe
from tools.audio import CALIBRATION
from tools.commands.demo import CHECKPOINT
from tools.commands.quantize import make_bundle


@pytest.fixture(scope="session")
def zoo_bundle(tmp_path_factory):
    """Recipe name -> bundle of the shipped checkpoint, calibrated on three clips."""

    @functools.cache
    def make(recipe):
        folder = tmp_path_factory.mktemp("zoo") / recipe
        clips = sorted(CALIBRATION.glob("*.flac"))[:3]
        return make_bundle(CHECKPOINT, folder, recipe=load_recipe(recipe), calibration=clips)[0]

    return make
