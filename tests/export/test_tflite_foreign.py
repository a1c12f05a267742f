"""A .tflite of another maker, taken as it is: the bits are those of TFLite Micro for the file itself, and what cannot be taken is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stapes.export.tflite import from_bytes, is_own, to_bytes
from stapes.export.tflite.foreign import Taken, translate, with_pairs
from stapes.export.tflite.schema import load_schema
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.errors import StapesError
from stapes.quantize.graph import DTYPES, Graph, State, to_codes, to_real
from stapes.quantize.soundness import require_sound
from stapes.tools.bench.tflite_file import lstm_file, mixed_file, packed, unpacked

from tests.firmware_sim.tflm import oracle

FILES = Path(__file__).parent / "tflite_files"
FRAMES = 40
LSTMS = {
    "int8": ("int8", 1, {}),
    "int8, three steps": ("int8", 3, {"cell_clip": 10.0}),
    "int8, time first, a cell that reaches its clip": (
        "int8",
        3,
        {"time_major": True, "cell_clip": 0.6, "cell_scale": 2.0**-15},
    ),
    "int8, a clip in the lower half": ("int8", 2, {"cell_clip": 0.4, "cell_scale": 2.0**-12}),
    "int8, a clip beyond the cell": ("int8", 2, {"cell_clip": 10.0, "cell_scale": 2.0**-14}),
    "int8, a clip below one step": ("int8", 2, {"cell_clip": 1e-9}),
    "int8, a wide cell": ("int8", 2, {"cell_scale": 2.0**-9, "scales": (0.05, 0.03)}),
    "int16": ("int16", 2, {"cell_clip": 10.0, "scales": (2e-4, 3.1e-5)}),
}


def file_of(name: str) -> bytes:
    return (FILES / f"{name}.tflite").read_bytes()


def frames_of(graph: Graph, seed: int) -> list[dict[str, np.ndarray]]:
    """Codes of all inputs, every second frame with all of the range."""
    rng, frames = np.random.default_rng(seed), []
    for frame in range(FRAMES):
        codes = {}
        for name in graph.inputs:
            tensor = graph.tensors[name]
            low, high = tensor.limits
            wide = rng.integers(low, high + 1, tensor.shape)
            near = np.clip(tensor.zero_point + rng.integers(low, high + 1, tensor.shape) // 16, low, high)
            codes[name] = wide if frame % 2 else near
        frames.append(codes)
    return frames


def file_on_tflm(data: bytes, taken: Taken, frames: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """The file itself, unchanged, on TFLite Micro: codes by output; it keeps its own variables."""
    graph, made = taken.graph, []
    interpreter = oracle().Interpreter.from_bytes(data, arena_size=1 << 18)
    for frame in frames:
        for index, name in enumerate(graph.inputs):
            tensor = graph.tensors[name]
            codes = frame[name].astype(DTYPES[tensor.dtype])
            if name in taken.float_ends:
                codes = to_real(tensor, codes).astype(np.float32)
            interpreter.set_input(np.ascontiguousarray(codes.reshape(tensor.shape)), index)
        interpreter.invoke()
        outputs = {name: np.array(interpreter.get_output(index)) for index, name in enumerate(graph.outputs)}
        made.append(
            {n: to_codes(graph.tensors[n], v[None])[0] if n in taken.float_ends else v for n, v in outputs.items()}
        )
    return made


def held_to_tflm(data: bytes, seed: int = 0) -> Graph:
    taken = translate(data)
    frames = frames_of(taken.graph, seed)
    simulator = NetworkSimulator(taken.graph, 1)
    for frame, expected in zip(frames, file_on_tflm(data, taken, frames), strict=True):
        made = simulator.step({name: codes[None] for name, codes in frame.items()})
        for name, codes in expected.items():
            np.testing.assert_array_equal(made[name][0], codes, err_msg=name)
    return taken.graph


@pytest.mark.parametrize("name", sorted(path.stem for path in FILES.glob("*.tflite") if "dense" not in path.stem))
def test_a_file_of_the_tensorflow_converter_has_the_bits_that_tflm_gives_it(name):
    graph = held_to_tflm(file_of(name))
    assert to_bytes(from_bytes(to_bytes(graph))) == to_bytes(graph)
    expected = {"lstm": 2, "variable": 1}.get(name.split("_")[0], 0)
    assert len(graph.states) == expected


@pytest.mark.parametrize("case", LSTMS)
def test_an_lstm_written_in_other_operators_is_the_kernel_of_tflm(case):
    dtype, steps, settings = LSTMS[case]
    for seed in range(3):
        graph = held_to_tflm(lstm_file(dtype, steps, seed, **settings), seed)
        assert [graph.tensors[state.input].dtype for state in graph.states] == [dtype, "int16"]


@pytest.mark.parametrize("case", ["int8, time first, a cell that reaches its clip", "int8, a clip in the lower half"])
def test_a_clip_is_reached_from_both_sides(case):
    """In the cases above, or they would show nothing."""
    dtype, steps, settings = LSTMS[case]
    graph = translate(lstm_file(dtype, steps, 0, **settings)).graph
    simulator = NetworkSimulator(graph, 1)
    cells = []
    for frame in frames_of(graph, 0):
        simulator.step({name: codes[None] for name, codes in frame.items()})
        cells.append(simulator.states[graph.states[1].input])
    largest = int(settings["cell_clip"] / settings["cell_scale"])
    assert (np.min(cells), np.max(cells)) == (-largest, largest)


def test_a_file_of_everything_has_the_bits_that_tflm_gives_it():
    graph = held_to_tflm(mixed_file(3))
    assert [state.input for state in graph.states] == ["lstm/h", "lstm/c", "past"]


def test_a_pair_of_two_formats_is_carried_in_the_second():
    data = file_of("gru_int8")
    taken = translate(data)
    graph, notes = with_pairs(taken, [State("h", "gru")])
    require_sound(graph)
    assert "a QUANTIZE makes the first of it" in notes[0]
    assert (graph.inputs, graph.outputs, graph.states) == (("x",), ("y",), (State("h", "gru"),))
    simulator, plain = NetworkSimulator(graph, 1), NetworkSimulator(taken.graph, 1)
    h, after = np.full((1, 1, 8), taken.graph.tensors["h"].zero_point), taken.graph.tensors["gru"]
    for frame in frames_of(graph, 1):
        given = {"x": frame["x"][None]}
        made = plain.step(given | {"h": h})
        np.testing.assert_array_equal(simulator.step(given)["y"], made["y"])
        real = (made["gru"] - after.zero_point) * float(after.scale[0])
        h = to_codes(taken.graph.tensors["h"], real[0])[None].reshape(1, 1, 8)


def changed(data: bytes, change: Callable[[Any], object]) -> bytes:
    model = unpacked(data)
    change(model)
    return packed(model)


def at(path: str, value: object) -> Callable[[Any], object]:
    """Set a field of the first subgraph, as `tensors.3.shape`."""

    def change(model: Any) -> None:
        *steps, last = path.split(".")
        holder = model.subgraphs[0]
        for step in steps:
            holder = holder[int(step)] if step.isdigit() else getattr(holder, step)
        if last.isdigit():
            values = list(holder)
            values[int(last)] = value
            *upper, name = steps
            outer = model.subgraphs[0]
            for step in upper:
                outer = outer[int(step)] if step.isdigit() else getattr(outer, step)
            setattr(outer, name, values)
        else:
            setattr(holder, last, value)

    return change


def kind_of(place: int, kind: int) -> Callable[[Any], object]:
    def change(model: Any) -> None:
        model.operatorCodes[place].builtinCode, model.operatorCodes[place].deprecatedBuiltinCode = kind, min(kind, 127)

    return change


def all_of(before: str, after: str) -> Callable[[Any], object]:
    """Every tensor of one type in another one."""
    types = load_schema().TensorType

    def change(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.type == getattr(types, before.upper()):
                tensor.type = getattr(types, after.upper())

    return change


def unnamed(name: str) -> Callable[[Any], object]:
    """Every tensor under one name, and no signature that has another one."""

    def change(model: Any) -> None:
        model.signatureDefs = []
        for tensor in model.subgraphs[0].tensors:
            tensor.name = name

    return change


SOFTMAX, MINIMUM = 25, 57
REFUSED = {
    "not one": (b"PK\x03\x04" * 9, "not a TensorFlow Lite model, whatever its name"),
    "an image model of TensorFlow 1": (
        changed(file_of("gru_int8"), all_of("int8", "uint8")),
        "in uint8, as TensorFlow 1",
    ),
    "cut off": (file_of("gru_int8")[:3000], "damaged"),
    "float": (file_of("dense_float"), "a float .tflite"),
    "hybrid": (file_of("dense_hybrid"), "node 0 FULLY_CONNECTED .*dynamic range"),
    "an operator that is not there": (
        changed(file_of("conv_int8"), kind_of(3, SOFTMAX)),
        "node 3 SOFTMAX '.*': is not in the table",
    ),
    "two of them": (
        changed(changed(file_of("conv_int8"), kind_of(3, SOFTMAX)), kind_of(4, MINIMUM)),
        "node 3 SOFTMAX .*; node 4 MINIMUM",
    ),
    "a scale of zero": (changed(file_of("gru_int8"), at("tensors.9.quantization.scale", [0.0])), "the scale 0.0"),
    "a scale that is no number": (
        changed(file_of("gru_int8"), at("tensors.9.quantization.scale", [float("nan")])),
        "the scale nan",
    ),
    "a zero point out of range": (
        changed(file_of("gru_int8"), at("tensors.14.quantization.zeroPoint", [300])),
        "zero point 300",
    ),
    "a scale too few": (
        changed(file_of("conv_int8"), at("tensors.6.quantization.scale", [0.1] * 5)),
        "5 scales along axis",
    ),
    "a negative size": (changed(file_of("gru_int8"), at("tensors.9.shape", [1, -24])), "damaged .*shape"),
    "a huge size": (changed(file_of("gru_int8"), at("tensors.9.shape", [1, 2**31 - 1])), "shape"),
    "a tensor that is not there": (changed(file_of("gru_int8"), at("operators.3.inputs.0", 999)), "none of the file's"),
    "a loop": (changed(file_of("gru_int8"), at("operators.0.inputs.0", 30)), "before any operator made it"),
    "made twice": (changed(file_of("gru_int8"), at("operators.4.outputs", [15, 16, 17, 9])), "is there already"),
    "weights of 32 bits": (changed(file_of("gru_int8"), at("tensors.8.type", 2)), "damaged|int32"),
    "a shape that is computed": (changed(file_of("conv_int8"), at("operators.5.inputs.1", 0)), "fixed batch of 1"),
    "first values": (mixed_file(0, {"first": np.full((1, 3, 8), 7)}), "CALL_ONCE.*not zero"),
    "peepholes": (changed(lstm_file("int8", 1, 0), at("operators.0.inputs.9", 1)), "peepholes"),
    "a cell scale between": (
        changed(lstm_file("int8", 1, 0), at("tensors.14.quantization.scale", [0.0006])),
        "power of two",
    ),
    "a state that is a constant": (changed(lstm_file("int8", 1, 0), at("tensors.13.isVariable", False)), "no variable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_refused_by_name_and_reason(case):
    data, message = REFUSED[case]
    assert not is_own(data)
    with pytest.raises(StapesError, match=message) as caught:
        translate(data)
    assert "\n" not in str(caught.value)
    # A list of operators helps no one whose operators are all in it.
    assert ("Operators that are read" in str(caught.value)) == ("not in the table" in message or "MINIMUM" in message)


def test_an_input_that_is_refused_is_the_only_fault_that_is_told():
    with pytest.raises(StapesError) as caught:
        translate(changed(file_of("gru_int8"), at("tensors.1.quantization.scale", [float("nan")])))
    assert str(caught.value) == (
        "cannot be taken: input 'h': tensor 'serving_default_h:0' has the scale nan; one positive number is read"
    )


def test_names_are_those_of_c_without_zeros():
    name = "a\0b\x1b" + "c" * 10_000
    graph = translate(changed(file_of("gru_int8"), unnamed(name))).graph
    assert graph.inputs[0].startswith("a\ufffdb\x1bccc")
    assert max(map(len, graph.tensors)) < 150
    assert from_bytes(to_bytes(graph)).inputs == graph.inputs


def test_a_pair_with_float_ends_keeps_its_format():
    data = mixed_file(0)
    taken = translate(data)
    with pytest.raises(StapesError, match="float32 outside"):
        with_pairs(Taken(taken.graph, frozenset({"h"})), [State("h", "mean")])
    with pytest.raises(StapesError, match="name pairs of one shape"):
        with_pairs(taken, [State("x", "mean")])
