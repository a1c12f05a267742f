"""GTCRN in C: every tensor that it computes has the integers of numpy, and it fits a small device."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from stapes.export.c.costs import ram_by_part
from stapes.export.c.program import build_program
from stapes.export.c.schedule import schedule
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.onnx_export import to_proto
from stapes.models.pipeline import FloatPipeline
from stapes.quantize.graph import Graph
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe

from tests.export.programs import CNetwork
from tests.helpers import speech_like
from tests.models.gtcrn.networks import random_gtcrn

FRAMES = 24


@functools.cache
def gtcrn(recipe: str) -> tuple[Graph, np.ndarray]:
    """The integer graph of a network with random weights, and a second of features (T, 3 * 257)."""
    model = random_gtcrn(0)
    sound_path = model.sound_path()
    source = check_model(to_proto(model, sound_path), "test")
    features = np.asarray(FloatPipeline(sound_path, model).trace(speech_like(1.0)[None])["features"], np.float32)[0]
    return quantise(source, load_recipe(recipe), [{"features": features}]).graph, features


@pytest.mark.parametrize("recipe", ["w8a16", "w8a8"])
def test_every_tensor_has_the_integers_of_numpy(recipe, tmp_path):
    graph, features = gtcrn(recipe)
    made = dict.fromkeys(name for step in schedule(graph) for name in step.writes)
    states = {state.output for state in graph.states}
    looked_into = replace(graph, outputs=tuple(name for name in made if name not in states))
    tensor = graph.tensors["features"]
    low, high = tensor.limits
    codes = np.round(features / float(tensor.scale[0])) + tensor.zero_point
    frames = np.clip(codes, low, high).astype(np.int64).reshape(-1, *tensor.shape)[:FRAMES]
    # The last frames are noise at full scale: everything that may saturate does.
    frames[-6:] = np.random.default_rng(0).integers(low, high + 1, frames[-6:].shape)
    simulator, network = NetworkSimulator(looked_into, 1), CNetwork(looked_into, tmp_path)
    for index, frame in enumerate(frames):
        wanted, got = simulator.step({"features": frame[None]}), network.step({"features": frame})
        for name in looked_into.outputs:
            if not np.array_equal(got[name], wanted[name][0]):
                np.testing.assert_array_equal(got[name], wanted[name][0], err_msg=f"{name}, frame {index}")
    assert len(looked_into.outputs) > 100


def test_the_regions_are_fused_and_histories_move_in_place():
    graph, _ = gtcrn("w8a16")
    program = build_program(graph, "gtcrn")
    calls = [line.split("(")[0].strip() for paragraph in program.paragraphs for line in paragraph.lines]
    fused = {"gru_grouped": 8, "gru_sequence_grouped": 2, "layer_norm": 4, "energy": 6, "history": 6}
    assert {kind: calls.count(f"stapes_{kind}_s16") for kind in fused} == fused
    assert "stapes_batch_matmul_s16" not in calls
    assert not program.closing_copies


def test_it_fits_a_small_device():
    program = build_program(gtcrn("w8a16")[0], "gtcrn")
    assert sum(ram_by_part(program).values()) < 64 * 1024
    assert program.weight_bytes < 100 * 1024
