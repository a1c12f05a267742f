"""Names in a user's network are free: those of this tool's own files, and those that try to be more than a name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from stapes.models.errors import StapesError
from stapes.quantize.audio import require_free_tensors

from tests.helpers import sound_path_of

EVIL = "a*/\nint stapes_planted = 1;\n/*\x1b[2J\u202e[red]"


def network(path, given: str, made: str):
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.2, shape).astype(np.float32), name)
        for name, shape in (("network", (65, 8)), ("init", (8, 65)))
    ]
    nodes = [
        helper.make_node("MatMul", [given, "network"], [EVIL]),
        helper.make_node("Tanh", [EVIL], ["errno"]),
        helper.make_node("MatMul", ["errno", "init"], ["vector_audio_in_q15"]),
        helper.make_node("Sigmoid", ["vector_audio_in_q15"], [made]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 65]) for name in (given, made)]
    graph = helper.make_graph(nodes, EVIL, ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"stapes.front_end": "{}"})
    onnx.save(model, path)
    return path


def test_a_network_of_hostile_names_goes_through_every_command(stapes, few_clips, tmp_path):
    checkpoint = network(tmp_path / "stdint.onnx", "audio_features", "file")
    bundle = tmp_path / "bundle"
    commands = [
        ("quantize", checkpoint, "-o", bundle, "--recipe", "w8a8", "--calibration", few_clips[0], "--proof"),
        ("inspect", bundle, "--proof"),
        ("export", bundle, "-o", tmp_path / "c"),
        ("regress", bundle, few_clips[0], "--engine", "numpy", "--engine", "native"),
    ]
    for command in commands:
        done = stapes(*command)
        assert done.code == 0, done
        assert (done.stdout + done.stderr).replace("\n", "").isprintable()
    assert (tmp_path / "c" / "model_stdint.h").is_file()


def test_a_quantity_of_the_audio_path_is_no_name_for_a_tensor():
    for name in (*sound_path_of().traced, "audio_in_q15", "audio_out_q15"):
        require_free_tensors([name], None)
        with pytest.raises(StapesError, match="rename it in the network"):
            require_free_tensors([name], sound_path_of())
    with pytest.raises(StapesError, match="zero character"):
        require_free_tensors(["a\0b"], None)
    require_free_tensors(["audio_features", "file", EVIL], sound_path_of())
