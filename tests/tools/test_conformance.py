"""The page on recurrent networks and its files: the Python of the page computes what the files say, and so does TFLite Micro."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from stapes.export.tflite import to_bytes
from stapes.firmware_sim.engines.network import run_network
from stapes.firmware_sim.engines.tflm import TflmNetwork
from stapes.quantize.graph import DTYPES
from stapes.tools import conformance

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference" / "conformance"
PAGE = (ROOT / "docs" / "reference" / "recurrent.md").read_text("utf-8")
NAMES = [f"{cell}_{recipe}" for cell in conformance.CELLS for recipe in conformance.RECIPES]


def read(name):
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def page():
    """What the Python of the page defines, run as it stands there; it imports nothing of this project."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    code = "\n".join(blocks)
    assert set(re.findall(r"^\s*(?:import|from) +(\S+)", code, re.MULTILINE)) == {"math", "struct"}
    defined = {}
    exec(compile(code, "docs/reference/recurrent.md", "exec"), defined)
    return defined


TABLE = [entry for row in read("sigmoid_q16")["sigmoid_q16"] for entry in row]


def test_the_files_are_what_the_generator_makes_byte_for_byte():
    made = conformance.files()
    assert {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()} == made
    assert sorted(made) == sorted(f"{name}.json" for name in (*NAMES, "sigmoid_q16"))


def test_another_seed_gives_other_numbers_of_the_same_kind():
    other = conformance.vectors("rnn", "w8a8", 16)
    assert other["tensors"]["xh/weights"]["codes"] != read("rnn_w8a8")["tensors"]["xh/weights"]["codes"]
    assert page()["differences"](other, TABLE) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_python_of_the_page_computes_every_tensor_of_the_files(name):
    file, code = read(name), page()
    assert code["differences"](file, TABLE) == []
    named = {step["makes"] for step in file["steps"]} | {"x", *(state["read"] for state in file["states"])}
    assert all(set(frame["codes"]) == named for frame in file["frames"])


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_biases_follow_from_the_real_ones_as_the_page_says(name):
    file, code = read(name), page()
    tensors = file["tensors"]
    for step in file["steps"]:
        if step["operator"] == "FULLY_CONNECTED":
            x, weights, bias = (tensors[value] for value in step["reads"])
            expected = [code["weight_codes"](row) for row in weights["real"]]
            assert [scale for scale, _ in expected] == weights["scale"]
            assert [codes for _, codes in expected] == weights["codes"]
            given = zip(bias["real"], weights["scale"], strict=True)
            assert [code["bias_code"](real, x["scale"][0], scale) for real, scale in given] == bias["codes"]


@pytest.mark.parametrize("name", NAMES)
def test_multipliers_and_tables_of_the_files_follow_from_the_scales(name):
    file, code = read(name), page()
    tensors, multiplier = file["tensors"], code["quantize_multiplier"]
    for step in file["steps"]:
        kind, told, out = step["operator"], step["parameters"], tensors[step["makes"]]
        scales, to = [tensors[value]["scale"] for value in step["reads"]], out["scale"][0]
        if kind == "FULLY_CONNECTED":
            pairs = [multiplier(scales[0][0] * row / to) for row in scales[1]]
            expected = {"multiplier_q31": [m for m, _ in pairs], "shift": [s for _, s in pairs]}
        elif kind in ("ADD", "SUB"):
            bits, common = (20 if out["dtype"] == "int8" else 15), 2 * max(scales[0][0], scales[1][0])
            factors = [scales[0][0] / common, scales[1][0] / common, common / (2**bits * to)]
            values = [bits, *(value for factor in factors for value in multiplier(factor))]
            keys = ["left_shift", "multiplier_1_q31", "shift_1", "multiplier_2_q31", "shift_2"]
            expected = dict(zip([*keys, "output_multiplier_q31", "output_shift"], values, strict=True))
        elif kind in ("MUL", "QUANTIZE"):
            factor = scales[0][0] * (scales[1][0] if kind == "MUL" else 1) / to
            expected = dict(zip(("multiplier_q31", "shift"), multiplier(factor), strict=True))
        elif out["dtype"] == "int8":
            zero_point = tensors[step["reads"][0]]["zero_point"]
            expected = {"table": code["table_int8"](scales[0][0], zero_point, kind == "TANH")}
        else:
            expected = dict(zip(("multiplier", "shift"), code["place_of"](scales[0][0], kind == "TANH"), strict=True))
        assert told == expected, step["makes"]


def _rounded_once(value, multiplier, shift):
    return (value * multiplier + 2 ** (30 - shift)) >> (31 - shift)


MISTAKES = {
    "requantise_double": _rounded_once,
    "requantise_64": _rounded_once,
    "divide_by_pot": lambda value, exponent: (value + (2**exponent >> 1)) >> exponent,
    "high_mul": lambda a, b: (a * b) >> 31,
    "saturate": lambda value, dtype: value,
}


@pytest.mark.parametrize("function", MISTAKES)
def test_the_files_tell_usual_mistakes_from_the_right_arithmetic(function):
    code = page()
    code[function] = MISTAKES[function]
    assert any(code["differences"](read(name), TABLE) for name in NAMES)


def test_a_table_made_by_a_formula_is_told_from_the_right_one():
    plain = [min(round(65536 / (1 + np.exp(-i / 24))), 65535) for i in range(256)]
    assert sum(a != b for a, b in zip(plain, TABLE, strict=True)) == 44
    assert any(page()["differences"](read(name), plain) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_tflite_micro_computes_the_files(name):
    cell, _, recipe = name.rpartition("_")
    graph, file = conformance.quantised(cell, recipe, conformance.SEED).graph, read(name)
    running = [frame["codes"] for frame in file["frames"] if frame["runs_on"]]
    x = graph.tensors["x"]
    given = {"x": np.array([frame["x"] for frame in running], DTYPES[x.dtype]).reshape(1, len(running), *x.shape)}
    got = run_network(TflmNetwork(to_bytes(graph), graph), given, trace=True)
    labels = {op.outputs[0]: step["makes"] for op, step in zip(_computing(graph), file["steps"], strict=True)}
    for value, label in labels.items():
        np.testing.assert_array_equal(got[value].reshape(len(running), -1), [frame[label] for frame in running], label)


def _computing(graph):
    return [op for op in graph.operators if op.kind != "RESHAPE"]


def test_the_worked_example_holds_the_numbers_of_its_file():
    (table,) = re.findall(r"^\| tensor \| step .*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `(\w+)` \|.*\| (-?\d+) \| [^|]+ \|$", table, re.MULTILINE)
    codes = read("gru_reset_after_w8a16")["frames"][1]["codes"]
    assert [name for name, _ in rows] == ["xr", "hr", "ar", "r", "z", "hn", "rhn", "xn", "an", "n", "d", "zd", "h_out"]
    assert {name: int(code) for name, code in rows} == {name: codes[name][0] for name, _ in rows}
    assert f"x = {codes['x']}" in PAGE
    assert f"h = {codes['h']}" in PAGE


def test_a_kept_cell_state_stays_up_to_half_of_its_codes():
    mul, scale = page()["mul"], {"dtype": "int16", "scale": [2**-13], "zero_point": 0}
    gate = {"codes": [32767] * 4, "dtype": "int16", "scale": [2**-15], "zero_point": 0}
    assert mul(gate, {"codes": [2**14, -(2**14), 20000, 32767], **scale}, scale) == [2**14, -(2**14), 19999, 32766]


def test_the_command_writes_the_files(tmp_path, monkeypatch):
    monkeypatch.setattr(conformance, "CELLS", {"rnn": conformance.CELLS["rnn"]})
    conformance.main(tmp_path / "new" / "folder", conformance.SEED)
    made = tmp_path / "new" / "folder"
    for name in ("rnn_w8a16.json", "rnn_w8a8.json", "sigmoid_q16.json"):
        assert (made / name).read_bytes() == (FOLDER / name).read_bytes()
