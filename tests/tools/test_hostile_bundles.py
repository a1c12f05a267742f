"""A bundle's hash is no signature: whatever a sealed bundle holds is checked when it is opened, and told in one line."""

import contextlib
import dataclasses
import io
import json
import pickle
import shutil
import struct
import zipfile

import numpy as np
import onnx
import pytest
from stapes.export.tflite import from_bytes, to_bytes
from stapes.models.errors import StapesError
from stapes.tools.bundle import canonical_json, load_bundle, seal, sha256


@pytest.fixture(scope="module")
def original(bundle_of):
    return bundle_of("published", "w8a8")


@pytest.fixture(scope="module")
def shared(original, tmp_path_factory):
    """A bundle of this module's own, put back after each change."""
    return shutil.copytree(original.folder, tmp_path_factory.mktemp("hostile") / "bundle")


@pytest.fixture
def refused(original, shared):
    """(name, bytes) or a change of the manifest, sealed anew -> the message of the refusal."""

    def run(name: str, change) -> str:
        manifest = json.loads((original.folder / "manifest.json").read_bytes())
        for file in original.folder.iterdir():
            shutil.copy(file, shared / file.name)
        if name == "manifest.json":
            change(manifest)
        else:
            (shared / name).write_bytes(change)
        if name == "manifest.json":
            body = {key: value for key, value in manifest.items() if key != "bundle_sha256"}
            (shared / name).write_bytes(canonical_json({**body, "bundle_sha256": sha256(canonical_json(body))}))
        else:
            seal(shared, {key: value for key, value in manifest.items() if key != "bundle_sha256"})
        with pytest.raises(StapesError) as caught:
            load_bundle(shared)
        message = str(caught.value)
        assert message.startswith(f"{shared / name}: "), message
        assert "\n" not in message
        assert len(message) < 700
        return message

    return run


def with_stage(index, **settings):
    return lambda manifest: manifest["stages"][index].update(settings)


def in_the_form_of(number, key, value):
    def change(manifest):
        del manifest["stages"]
        manifest.update({"format": number, key: value})

    return change


def put(key, value):
    return lambda manifest: manifest.update({key: value})


def nested(depth):
    """[[[...]]], so many."""
    return json.loads("[" * depth + "]" * depth)


MANIFESTS = {
    **{f"without {key}": (lambda m, key=key: m.pop(key), f"{key} is missing") for key in (
        "name", "stages", "oracle", "runtime_sha256", "version", "saturation", "planned_saturation", "quality", "calibration", "checkpoint",
        "recipe", "inputs", "outputs", "states",
    )},
    "without a format": (lambda m: m.pop("format"), "bundle format None"),
    "lines for a format": (put("format", "\x1b[31m\n"), r"bundle format '\x1b[31m\n'"),
    "number for a name": (put("name", 3), "name is 3; it must be text"),
    "C that runs": (put("name", "x; system()"), "no C identifier"),
    "a word of C": (put("name", "while"), "reserved word"),
    "lines in the version": (put("version", "1\n#error"), "version is"),
    "other inputs": (put("inputs", ["x"]), "inputs are not those of model.tflite"),
    "other states": (put("states", [["h0", "h1_out"]]), "states are not those of model.tflite"),
    "pairs of three": (put("states", [["a", "b", "c"]]), "states[0]"),
    "other recipe": (put("recipe", "w8a16"), "recipe.toml is 'w8a8'"),
    "no stage of ours": (put("stages", [{"kind": "x"}]), "stages[0]: kind 'x' is unknown"),
    "text for a number": (with_stage(0, hop="64"), "stages[0] (transform): hop is '64'; it must be a whole number"),
    "path of another network": (with_stage(0, analysis=256), "give the front end that it was trained with"),
    "endless window": (with_stage(0, analysis=2**40), "analysis 1099511627776"),
    "a gain without end": (with_stage(2, xi_min_db=1e308), "xi_min_db 1e+308: give at most"),
    "no list of stages": (put("stages", {"features": "log"}), "stages is a table; it must be a list"),
    "a stage without a kind": (put("stages", [{}]), "a stage is a table with a kind"),
    "an earlier format's key": (in_the_form_of(2, "frontend", {}), "stages is missing"),
    "features of no version": (in_the_form_of(1, "frontend", {"features": "x"}), "features 'x': unknown"),
    "lines for features": (in_the_form_of(1, "frontend", {"features": "a\nb"}), r"features 'a\nb': unknown"),
    "lines for a spectrum": (with_stage(4, on="a\nb"), r"stages[4] (mask): on 'a\nb': unknown"),
    "text in an earlier format": (in_the_form_of(1, "frontend", {"hop": "64"}), "hop is '64'; it must be a whole number"),
    "a tensor that is not there": (put("saturation", {"nothing": 0.5}), "saturation names 'nothing'"),
    "more than all": (put("saturation", {"mask": 1.5}), "saturation.mask is 1.5; it must be at most 1"),
    "list for a table": (put("quality", []), "quality is a list; it must be a table"),
    "no frames": (put("calibration", {"files": [], "frames": 0}), "calibration.frames is 0; it must be at least 1"),
    "lines for the oracle": (put("oracle", "a==1\n#error"), r"oracle is 'a==1\n#error'; it must be a package and its version"),
    "an oracle without a version": (put("oracle", "tflite-micro"), "oracle is 'tflite-micro'"),
    "no hash of a runtime": (put("runtime_sha256", "0" * 63 + "g"), "it must be a SHA-256"),
    "no hash of a checkpoint": (put("checkpoint", {"file": "a.pt", "sha256": "0"}), "sha256 is '0'; it must be a SHA-256"),
    "lists in lists": (put("quality", nested(900)), "manifest.json: nested too deeply; make the bundle again"),
    "a few of them": (put("quality", nested(100)), "quality is a list; it must be a table"),
    "a file without a name": (put("checkpoint", {"sha256": ""}), "checkpoint.file is missing"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_sealed_manifest_is_held_to_its_schema_and_to_its_graph(refused, kind):
    change, words = MANIFESTS[kind]
    assert words in refused("manifest.json", change)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe{}", b"[" * 200_000, b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": 1e999}', b"null", b'{"files": []}'],
)  # fmt: skip
def test_a_manifest_and_a_lock_that_are_no_plain_json_are_damaged(shared, original, data):
    for file in original.folder.iterdir():
        shutil.copy(file, shared / file.name)
    (shared / "lock.json").write_bytes(data)
    with pytest.raises(StapesError, match=r"lock.json: damaged"):
        load_bundle(shared).lock()
    (shared / "lock.json").unlink()
    (shared / "manifest.json").write_bytes(data)
    with pytest.raises(StapesError, match=r"manifest.json: damaged"):
        load_bundle(shared)


def npz(compression=zipfile.ZIP_STORED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def npy(array: np.ndarray, **changes: object) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    data = buffer.getvalue()
    for old, new in changes.values():
        data = data.replace(old, new.ljust(len(old)))
    return data


def test_golden_vectors_of_other_names_shapes_and_kinds_are_refused(refused, original):
    arrays = original.vectors()

    def changed(**new):
        buffer = io.BytesIO()
        np.savez(buffer, **{name: value for name, value in {**arrays, **new}.items() if value is not None})
        return buffer.getvalue()

    feature = original.graph.inputs[0]
    cases = {
        "is no zip": b"hello",
        "is empty": b"",
        "holds nothing": npz(),
        "is a pickle": pickle.dumps(arrays),
        "holds objects": npz(audio_in_q15=npy_of_objects()),
        "lacks the mask": changed(**{original.graph.outputs[0]: None}),
        "lacks the output": changed(audio_out_q15=None),
        "holds another": changed(other=np.zeros(3, np.int8)),
        "holds floats": changed(**{feature: arrays[feature].astype(np.float32)}),
        "holds wide integers": changed(**{feature: arrays[feature].astype(np.int16)}),
        "holds other sizes": changed(**{feature: arrays[feature][:, 1:]}),
        "holds fewer frames": changed(**{feature: arrays[feature][1:]}),
        "holds stereo": changed(audio_in_q15=np.zeros((2, 16_000), np.int16)),
        "promises more": npz(audio_in_q15=npy(np.zeros(9, np.int16), shape=(b"(9,)    ", b"(99999999,)"[:8]))),
        "promises all memory": npz(audio_in_q15=npy(np.zeros((1, 9), np.int16), shape=(b"(1, 9)", b"(9**9)"))),
    }
    for kind, data in cases.items():
        assert refused("vectors.npz", data), kind


def npy_of_objects() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([{}], object), allow_pickle=True)
    return buffer.getvalue()


def test_a_float_network_of_other_ends_or_without_weights_is_refused(refused, original):
    def changed(change):
        proto = onnx.load_model_from_string((original.folder / "float.onnx").read_bytes())
        change(proto.graph)
        return proto.SerializeToString()

    def external(graph):
        graph.initializer[0].ClearField("raw_data")
        graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
        graph.initializer[0].external_data.add(key="location", value="../../secret")

    def endless(graph):
        body = onnx.helper.make_graph([], "body", [], [])
        graph.node.append(onnx.helper.make_node("Loop", ["", ""], ["never"], body=body))

    def grown(kind, *operands, shape=(2**16, 2**17)):
        def change(graph):
            graph.initializer.append(onnx.numpy_helper.from_array(np.array(shape, np.int64), "sizes"))
            graph.node.append(onnx.helper.make_node(kind, [*operands, "sizes"], ["grown"]))
            graph.node.append(onnx.helper.make_node("ReduceMax", ["grown"], ["most"], keepdims=0))
            graph.output.append(onnx.helper.make_tensor_value_info("most", onnx.TensorProto.FLOAT, []))

        return changed(change)

    def grown_at_run_time(graph):
        graph.node.append(onnx.helper.make_node("Cast", [graph.input[0].name], ["whole"], to=onnx.TensorProto.INT64))
        graph.node.append(onnx.helper.make_node("Abs", ["whole"], ["sizes"]))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1], np.int64), "one_axis"))
        graph.node.append(onnx.helper.make_node("Reshape", ["sizes", "one_axis"], ["row"]))
        graph.node.append(onnx.helper.make_node("ConstantOfShape", ["row"], ["grown"]))
        graph.node.append(onnx.helper.make_node("ReduceMax", ["grown"], ["most"], keepdims=0))
        graph.output.append(onnx.helper.make_tensor_value_info("most", onnx.TensorProto.FLOAT, []))

    cases = {
        "a value that fills the memory": grown("ConstantOfShape"),
        "an input that is spread over it": grown("Expand", original.graph.inputs[0], shape=(2**26, 65)),
        "a size of the input's": changed(grown_at_run_time),
        "empty": b"",
        "text": b"hello",
        "without weights": changed(lambda graph: graph.ClearField("initializer")),
        "another input": changed(lambda graph: setattr(graph.input[0], "name", "other")),
        "without a state": changed(lambda graph: graph.output.pop()),
        "another size": changed(lambda graph: setattr(graph.output[0].type.tensor_type.shape.dim[1], "dim_value", 7)),
        "weights elsewhere": changed(external),
        "a loop": changed(endless),
    }
    for kind, data in cases.items():
        assert "make the bundle again" in refused("float.onnx", data), kind


def test_a_recipe_that_is_none_is_refused(refused):
    for data in (b"\xff", b"name = 3", b'name = "a\nb"', b"a = " + b"[" * 99_999, b'name = "w8a8"\nx = 1'):
        assert refused("recipe.toml", data), data[:20]


def test_a_graph_of_another_order_format_or_region_is_refused(refused, original):
    graph = original.graph

    def tensor(name, **changes):
        changed = dataclasses.replace(graph.tensors[name], **changes)
        return dataclasses.replace(graph, tensors={**graph.tensors, name: changed})

    def operators(change):
        return dataclasses.replace(graph, operators=tuple(change(list(graph.operators))))

    feature, mask = graph.inputs[0], graph.outputs[0]
    weights = next(graph.tensors[op.inputs[1]] for op in graph.operators if op.kind == "FULLY_CONNECTED")
    huge = (1, 2**30)
    cases = {
        "weights of -128": tensor(weights.name, data=np.where(np.arange(weights.size).reshape(weights.shape) == 9, -128, weights.data).astype(np.int8)),
        "backwards": operators(lambda ops: ops[::-1]),
        "twice": operators(lambda ops: [*ops, ops[-1]]),
        "a part": operators(lambda ops: ops[:-1]),
        "into itself": operators(lambda ops: [dataclasses.replace(ops[0], inputs=(ops[0].outputs[0], *ops[0].inputs[1:]))]),
        "nothing": operators(lambda ops: []),
        "negative scale": tensor(feature, scale=-graph.tensors[feature].scale),
        "scale of nothing": tensor(feature, scale=np.zeros(1, np.float32)),
        "infinite scale": tensor(feature, scale=np.float32([np.inf])),
        "zero point outside": tensor(feature, zero_point=999),
        "another shape": tensor(feature, shape=(1, 3)),
        "all memory": tensor(feature, shape=huge),
        "too many axes": tensor(feature, shape=(1,) * 40),
        "no values": tensor(feature, shape=(1, 0)),
        "state of another format": tensor(graph.states[0].input, scale=np.float32([3.0])),
        "a kind of region": dataclasses.replace(
            graph, regions=(dataclasses.replace(graph.regions[0], kind="history"), *graph.regions[1:])
        ),
        "no regions": dataclasses.replace(graph, regions=()),
        "outputs twice": dataclasses.replace(graph, outputs=(mask, mask)),
        "no input": dataclasses.replace(graph, inputs=()),
        "no states": dataclasses.replace(graph, states=()),
    }  # fmt: skip
    for kind, changed in cases.items():
        assert refused("model.tflite", to_bytes(changed)), kind


def test_roles_that_are_wrong_make_no_kernel_of_a_region(original):
    from stapes.export.c import c_program

    graph = original.graph
    for roles in ({}, {"x": "nothing"}, {**graph.regions[0].roles, "h_out": "nothing"}):
        region = dataclasses.replace(graph.regions[0], roles=roles)
        changed = dataclasses.replace(graph, regions=(region, *graph.regions[1:]))
        assert (
            c_program(changed, "net", None).kernels.keys() == c_program(graph, "net", None, fuse=False).kernels.keys()
        )


def test_changed_bytes_of_the_graph_are_refused_or_change_nothing(original):
    """Flatbuffer offsets that lead anywhere: lengths of 2^31, tables over one another."""
    data = original.tflite
    rng = np.random.default_rng(5)
    ends = [0, 2**31 - 1, 2**32 - 1, len(data), len(data) // 2]
    for _ in range(150):
        changed = bytearray(data)
        # Tables lie at both ends of the file, the weights in the middle.
        place = int(rng.integers(0, 3000)) if rng.random() < 0.5 else len(data) - int(rng.integers(4, 6000))
        changed[place : place + 4] = struct.pack("<I", ends[int(rng.integers(len(ends)))])
        with contextlib.suppress(StapesError):
            assert to_bytes(from_bytes(bytes(changed))) == data
