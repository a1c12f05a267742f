"""The README's table is what the benchmark made of a result, and nothing beside it changes."""

import json

import pytest
import typer.testing
from stapes.models.errors import StapesError
from stapes.tools.bench.readme import BEGIN, END, readme_table, write_readme
from stapes.tools.bench.report import GTCRN, SPARSE
from stapes.tools.bench.run import bench
from stapes.tools.peer_costs import network_peers

from tests.conftest import ROOT

TABLE = """AMD EPYC, processor time of one core:

|  | w8a16 | w8a8 |
|---|---|---|
| **whole pipeline, times real time** |  |  |
| C on the host | 451 | 339 |
| numpy, 64 utterances at once | 106 | 108 |
| around tflite-micro | 11 | - |
| **network alone, us a frame** |  |  |
| C / tflite-micro / LiteRT (XNNPACK) | 8 / 111 / 62 | 10 / - / 5 |
| **Cortex-M7, instructions, counted in an emulator** |  |  |
| matrix 128 -> 384, a multiply-accumulate (CMSIS-NN) | 0.95 (2.78) | 0.96 (2.27) |
| ADD / MUL / LOGISTIC / TANH, a value (TFLite Micro with CMSIS-NN) | 15 / 16 (27) / 16 (24) / 19 (23) | 19 (82) / 15 (36) / 7 (420) / 7 (420) |
| network, a frame (per multiply-accumulate) | 212,930 (1.13) | 215,174 (1.14) |
| the same network by TFLite Micro with CMSIS-NN (w8a16: one scale a matrix / 1x1 convolutions) | 697,996 (3.70) / 1,167,613 (6.19) | 981,348 (5.20) |
| network with half of its blocks of 4 x 4 weights at zero | 136,782 (0.72) | - |
| audio path, a hop | 48,372 | 49,140 |
| whole pipeline, millions a second of audio (RNNoise 0.1.1: 133, current: 1,085) | 65 | 66 |
| flash / RAM, beside the kernels in plain C | +1.0 % / -50.0 % | +1.0 % / -50.0 % |
| network of GTCRN, a frame of 16 ms | 860,291 (1.50) | - |
| **bits** |  |  |
| mask against float on speech not calibrated on, dB SNR | 69 | 25 |
| engines equal in every bit over 60 s: numpy, native, cortex-m7 | yes | NO |
| the same over 60 s with a fitting of 11 sections, 10 steered bands and random controls: numpy, native, cortex-m7 | yes | - |
"""


def result():
    def speeds(**factors):
        return {name: {"realtime_factor": factor} for name, factor in factors.items()}

    def times(**times):
        return {name: {"microseconds_a_frame": taken} for name, taken in times.items()}

    def equality(identical):
        return {"identical": identical, "seconds": 60.0, "sha256": {"numpy": "a", "native": "a", "cortex-m7": "a"}}

    def network(instructions, per_mac, audio):
        counts = {"instructions_network": instructions, "instructions_per_mac": per_mac, "instructions_audio": audio}
        memory = {"flash_bytes": 202_000, "ram_bytes": 2_432, "portable": {"flash_bytes": 200_000, "ram_bytes": 4_864}}
        return {**counts, **memory, "instructions_per_hop": instructions + audio, "hop_seconds": 0.004}

    kernels = {
        "int16 activations, 128->384": {"instructions_per_mac": 0.951, "peer_instructions_per_mac": 2.78},
        "int8 activations, 128->384": {"instructions_per_mac": 0.957, "peer_instructions_per_mac": 2.27},
    }
    elements = {
        f"{kind} {dtype}": {"instructions": taken, "peer_instructions": peer}
        for kind, dtype, taken, peer in (
            ("add", "int16", 15.1, None),
            ("mul", "int16", 16.3, 27.0),
            ("logistic", "int16", 16.0, 24.0),
            ("tanh", "int16", 19.0, 23.0),
            ("add", "int8", 19.4, 82.0),
            ("mul", "int8", 15.2, 36.0),
            ("logistic", "int8", 7.0, 420.0),
            ("tanh", "int8", 7.0, 420.0),
        )
    }
    many = "numpy, 64 utterances"
    return {
        "machine": {"processor": "AMD EPYC"},
        "pipeline": {
            "w8a16": speeds(native=451.2, tflm=11.1, numpy=3.0) | speeds(**{many: 106.4}),
            "w8a8": speeds(native=338.9) | speeds(**{many: 107.6}),
        },
        "network": {
            "w8a16": times(native=8.2, tflm=110.9, litert=62.0) | {"onnxruntime, float": {"skipped": "not here"}},
            "w8a8": times(native=9.9, litert=5.1),
        },
        "closeness": {"w8a16": {"mask_snr_db": 69.2}, "w8a8": {"mask_snr_db": 25.1}},
        "equality": {"w8a16": equality(True), "w8a8": equality(False)},
        "hearing_aid": {"w8a16": {"sections": 11, "bands": 10, **equality(True)}},
        "device": {
            "kernels": kernels,
            "elements": elements,
            "networks": {
                "w8a16": network(212_930, 1.129, 48_372),
                "w8a8": network(215_174, 1.14, 49_140),
                SPARSE["w8a16"]: network(136_782, 0.725, 48_372),
                GTCRN: network(860_291, 1.497, 153_560),
            },
            "peers": network_peers(),
        },
    }


def test_the_table_holds_the_figures_of_the_result():
    assert readme_table(result()) == TABLE
    without = {key: value for key, value in result().items() if key != "device"}
    assert "Cortex-M7, instructions" not in readme_table(without)


def test_the_table_stands_between_the_marks_and_the_rest_stays(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write_readme(path, result())
        assert path.read_text() == f"before\n{BEGIN}\n{TABLE}{END}\nafter\n"


@pytest.mark.parametrize("text", ["nothing", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}"])
def test_a_file_without_a_place_for_it_is_refused_and_stays(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(StapesError, match="no place for the table"):
        write_readme(path, result())
    assert path.read_text() == text


def test_the_readme_has_its_place(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text((ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    write_readme(copy, result())
    assert TABLE in copy.read_text(encoding="utf-8")


def test_the_table_of_an_earlier_run_is_written_by_the_command(tmp_path):
    app = typer.Typer()
    app.command()(bench)
    run = typer.testing.CliRunner().invoke
    path, earlier = tmp_path / "README.md", tmp_path / "bench.json"
    path.write_text(f"{BEGIN}\n{END}\n")
    earlier.write_text(json.dumps(result()))
    done = run(app, ["--readme", str(path), "--result", str(earlier)])
    assert done.exit_code == 0, done.output
    assert path.read_text() == f"{BEGIN}\n{TABLE}{END}\n"
    assert isinstance(run(app, ["--result", str(earlier)]).exception, StapesError)
    earlier.write_text("{}")
    assert isinstance(run(app, ["--readme", str(path), "--result", str(earlier)]).exception, StapesError)
