"""The exported C on an emulated Cortex-M7 gives the bits of the integer graph, and what it costs is counted exactly."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from stapes.firmware_sim.audio.twin import twin_class
from stapes.firmware_sim.compare import first_difference
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.cortex_m7.stages import ORDER, in_order, layer_stage, own_name
from stapes.firmware_sim.cortex_m7.unicorn_device import EXCHANGE, RAM, UnicornDevice
from stapes.firmware_sim.cortex_m7.unicorn_run import CONTEXT, started, unicorn_run
from stapes.firmware_sim.device import toolchain
from stapes.firmware_sim.device.firmware import Firmware
from stapes.firmware_sim.device.qemu_device import find_qemu, run_in_qemu
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.cortex_m7 import CortexM7, require_unicorn
from stapes.firmware_sim.engines.native import build as build_for_host
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.audio import kinds
from stapes.models.errors import StapesError

from tests.firmware_sim.audio_signals import NOISY, extremes, shipped
from tests.machine import lacking, require

RECIPES = ("w8a8", "w8a16")
EXTREMES = ("silence", "square", "white, full scale", "random signs, full scale", "DC", "impulses")
HOP = 64


needs_unicorn = pytest.mark.needs("cortex-m7")
needs_qemu = pytest.mark.needs("cortex-m7-qemu")


@pytest.fixture(scope="session")
def exported(once, bundle_of):
    """Recipe -> (exported folder, bundle) of the zoo's network."""
    from stapes.tools.library.export import write_c

    def get(recipe):
        bundle = bundle_of("zoo", recipe)
        return once(f"m7_{recipe}", lambda path: write_c(bundle, path)), bundle

    return get


@pytest.fixture(scope="session")
def built(once, exported):
    """(recipe, toolchain) -> linked program, without a trace."""

    def get(recipe, chain=None):
        folder, bundle = exported(recipe)

        def make(path):
            path.mkdir()
            toolchain.build(folder, bundle.name, path, toolchain=toolchain.find_toolchain(chain))

        return once(f"m7_{recipe}_{chain}", make) / f"{bundle.name}.elf"

    return get


def expected(bundle, samples):
    return Pipeline(bundle.sound_path, NumpyNetwork(bundle.graph)).run(samples).audio_q15


# ---- the bits


@needs_unicorn
@pytest.mark.parametrize("recipe", RECIPES)
def test_two_seconds_of_speech_in_noise_are_the_bits_of_numpy_on_both_emulators(recipe, exported, built):
    bundle = exported(recipe)[1]
    samples = shipped(NOISY[0])[: 2 * 16000]
    wanted = expected(bundle, samples)[0]
    np.testing.assert_array_equal(unicorn_run(Firmware(built(recipe)), samples, HOP)[0], wanted)
    if not lacking("cortex-m7-qemu"):
        np.testing.assert_array_equal(run_in_qemu(built(recipe), samples).audio_q15, wanted)


@needs_unicorn
@pytest.mark.parametrize("recipe", RECIPES)
def test_extremes_are_the_bits_of_numpy_on_both_emulators(recipe, exported, built):
    signals = extremes(60 * HOP)
    samples = np.stack([signals[name] for name in EXTREMES])
    for name, given, wanted in zip(EXTREMES, samples, expected(exported(recipe)[1], samples), strict=True):
        made = unicorn_run(Firmware(built(recipe)), given, HOP)[0]
        np.testing.assert_array_equal(made, wanted, err_msg=name)
        if not lacking("cortex-m7-qemu"):
            np.testing.assert_array_equal(run_in_qemu(built(recipe), given).audio_q15, wanted, err_msg=name)


@needs_unicorn
@pytest.mark.parametrize(
    ("chain", "recipe", "qemu"),
    [
        ("gcc", "w8a8", False),
        ("gcc", "w8a16", False),
        ("zig", "w8a8", False),
        ("zig", "w8a16", False),
        pytest.param("gcc", "w8a8", True, marks=needs_qemu),
        pytest.param("zig", "w8a16", True, marks=needs_qemu),
    ],
)
def test_every_tensor_is_that_of_numpy_with_either_compiler(chain, recipe, qemu, exported):
    require(f"device {chain}")
    folder, bundle = exported(recipe)
    engine = CompiledPipeline(
        CortexM7(qemu=qemu, toolchain=chain), folder, bundle.graph, bundle.sound_path, program=bundle.name, trace=True
    )
    samples = np.stack([extremes(45 * HOP + 7)[name] for name in ("real speech in noise", "square")])
    mine = engine.run(samples, trace=True)
    reference = Pipeline(bundle.sound_path, NumpyNetwork(bundle.graph)).run(samples, trace=True)
    assert first_difference(engine.name, reference, mine, HOP) is None
    assert len(set(mine.tensors) & set(reference.tensors)) >= 14
    assert mine.audio_q15.shape == samples.shape


@needs_unicorn
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_tensor_of_the_kernels_in_plain_c_is_that_of_numpy(recipe, exported):
    folder, bundle = exported(recipe)
    engine = CompiledPipeline(
        CortexM7(portable=True), folder, bundle.graph, bundle.sound_path, program=bundle.name, trace=True
    )
    samples = np.stack([extremes(45 * HOP)[name] for name in ("real speech in noise", "square")])
    reference = Pipeline(bundle.sound_path, NumpyNetwork(bundle.graph)).run(samples, trace=True)
    assert first_difference(engine.name, reference, engine.run(samples, trace=True), HOP) is None


# ---- the cost


@pytest.fixture(scope="session")
def report(exported):
    """Recipe -> report of 45 hops, of which some are counted: the start-up's and the rule's after it."""
    reports = {}

    def get(recipe):
        if recipe not in reports:
            reports[recipe] = counted(exported, recipe)
        return reports[recipe]

    return get


COUNTED = (0, 11, 22, 33, 44)
SAMPLES = slice(16000, 16000 + 45 * HOP)


def counted(exported, recipe):
    folder, bundle = exported(recipe)
    samples = shipped(NOISY[1])[SAMPLES]
    return measure(
        folder, Hops(bundle.graph, bundle.sound_path, samples), program=bundle.name, counted_hops=len(COUNTED)
    )


@needs_unicorn
def test_counts_repeat_exactly(exported, report):
    assert counted(exported, "w8a16") == report("w8a16")


@needs_unicorn
@pytest.mark.parametrize("recipe", RECIPES)
def test_stages_layers_and_files_sum_up_and_none_is_missing(recipe, report, exported):
    bundle, found = exported(recipe)[1], report(recipe)
    assert sum(found.instructions_by_stage.values()) == found.instructions_per_hop
    assert sum(found.instructions_by_function.values()) == found.instructions_per_hop
    here = {stage.kind for stage in bundle.sound_path.stages}
    of_path, of_others = (
        {label for kind in kinds() if (kind in here) == wanted for label in twin_class(kind).work.values()}
        for wanted in (True, False)
    )
    assert {stage.partition(":")[0] for stage in found.instructions_by_stage} == set(ORDER) - (of_others - of_path)
    layers = [stage for stage in found.instructions_by_stage if stage.startswith("network: ")]
    assert {f"network: {region.name}" for region in bundle.graph.regions} <= set(layers)
    assert not any("stapes_" in layer for layer in layers)
    assert sum(found.instructions_by_stage[layer] for layer in layers) == found.instructions_network
    assert found.instructions_per_mac == pytest.approx(found.instructions_network / found.macs, abs=1e-3)
    assert found.instructions_per_hop_least <= found.instructions_per_hop_mean <= found.instructions_per_hop
    # Fewer than a DSP instruction for four products could not be, and a hundredth of the whole is not the network.
    assert found.macs / 4 < found.instructions_network < found.instructions_per_hop
    assert found.instructions_by_stage["calls between stages"] < 300
    assert 6000 < found.instructions_by_stage["rfft"] < 10000
    for total, by_section, by_object in (
        (found.flash_bytes, found.flash_by_section, found.flash_by_object),
        (found.ram_bytes, found.ram_by_section, found.ram_by_object),
    ):
        assert sum(by_section.values()) == sum(by_object.values()) == total


@needs_unicorn
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_context_is_all_the_ram_and_the_weights_most_of_the_flash(recipe, report, exported):
    from stapes.export.c.costs import costs

    bundle, found = exported(recipe)[1], report(recipe)
    told = costs(bundle.graph, bundle.name, bundle.sound_path)
    assert found.ram_by_object == {"context": told.ram_bytes}
    code = 32 if "clang" in found.compiler else 24  # Clang unrolls more
    assert told.flash_bytes < found.flash_bytes < told.flash_bytes + code * 1024
    assert found.macs == told.macs


@needs_unicorn
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_painted_stack_is_the_depth_that_the_compiler_states(recipe, report):
    found = report(recipe)
    assert 100 < found.stack_bytes <= 1024
    if found.stack_bytes_by_compiler is None:
        pytest.skip("this compiler states no stack usage")
    # A function may leave the last words of its frame unwritten, and memcpy in assembly states nothing.
    assert abs(found.stack_bytes - found.stack_bytes_by_compiler) <= 64


@needs_unicorn
@needs_qemu
def test_qemu_counts_the_same_instructions(report, built):
    found = report("w8a16")
    counts = run_in_qemu(built("w8a16"), shipped(NOISY[1])[SAMPLES], counted=True).instructions[list(COUNTED)]
    around = counts.max() - found.instructions_per_hop  # the shim and the reading of the counter
    assert 10 < around < 120
    assert abs(counts.min() - found.instructions_per_hop_least - around) <= 2
    assert abs(counts.mean() - found.instructions_per_hop_mean - around) <= 2


def test_layers_are_named_after_their_constants():
    assert layer_stage("stapes_gru_s16", "gru0_params") == "network: gru0"
    assert layer_stage("stapes_fill_s16", None) == "network: stapes_fill_s16"
    assert own_name("window.isra.0") == "window"
    assert list(in_order({"mask": 1, "network: b": 2, "rfft": 3, "network: a": 4})) == [
        "rfft",
        "network: b",
        "network: a",
        "mask",
    ]


# ---- misuse and streams, on the device


class Program:
    """Both emulated memory and the program's entry points by short names."""

    IN, OUT = EXCHANGE, EXCHANGE + 0x1000
    STREAMS = (EXCHANGE + 0x10000, EXCHANGE + 0x20000)

    def __init__(self, elf, name):
        self.device = UnicornDevice(Firmware(elf))
        self.name = name
        self.context = self.device.firmware.symbol(CONTEXT).address
        self.size = self.device.firmware.symbol(CONTEXT).size

    def call(self, function, *arguments):
        return self.device.call(f"{self.name}_{function}", *arguments)

    def process(self, context, block):
        self.device.write(self.IN, block.astype("<i2").tobytes())
        assert self.call("process", context, self.IN, self.OUT) == OK
        return np.frombuffer(self.device.read(self.OUT, 2 * HOP), "<i2")

    def stream(self, context, blocks):
        return np.concatenate([self.process(context, block) for block in blocks])


OK, NULL_POINTER, NOT_INITIALISED, WRONG_SIZE, MISALIGNED = range(5)


@pytest.fixture(scope="session")
def program(built, exported):
    return lambda: Program(built("w8a16"), exported("w8a16")[1].name)


@needs_unicorn
def test_misuse_is_answered_with_a_status_and_changes_nothing(program):
    device = program()
    for fill in (b"\0", b"\xa5", b"\xff"):
        device.device.write(device.context, fill * device.size)
        assert device.call("process", device.context, device.IN, device.OUT) == NOT_INITIALISED
        assert device.call("reset", device.context) == NOT_INITIALISED
        assert device.call("init", device.context, device.size + 4) == WRONG_SIZE
        assert device.call("init", device.context, 0) == WRONG_SIZE
        assert device.device.read(device.context, device.size) == fill * device.size
    assert device.call("init", 0, device.size) == NULL_POINTER
    assert device.call("init", device.context + 4, device.size) == MISALIGNED
    assert device.call("init", device.context, device.size) == OK
    before = device.device.read(device.context, device.size)
    assert device.call("process", 0, device.IN, device.OUT) == NULL_POINTER
    assert device.call("process", device.context, 0, device.OUT) == NULL_POINTER
    assert device.call("process", device.context, device.IN, 0) == NULL_POINTER
    assert device.call("process", device.context, device.IN + 1, device.OUT) == MISALIGNED
    assert device.call("process", device.context, device.IN, device.OUT + 1) == MISALIGNED
    assert device.call("process", device.context + 2, device.IN, device.OUT) == MISALIGNED
    assert device.device.read(device.context, device.size) == before


@needs_unicorn
def test_streams_do_not_disturb_each_other_and_a_reset_is_a_fresh_start(program):
    device = program()
    signals = extremes(40 * HOP)
    first, second = (signals[name].reshape(-1, HOP) for name in ("real speech in noise", "white, full scale"))
    a, b = device.STREAMS
    for context in (a, b):
        assert device.call("init", context, device.size) == OK
    alone = [device.stream(a, first), device.stream(b, second)]
    assert device.call("reset", a) == device.call("reset", b) == OK
    interleaved = [(device.process(a, one), device.process(b, two)) for one, two in zip(first, second, strict=True)]
    for wanted, made in zip(alone, zip(*interleaved, strict=True), strict=True):
        np.testing.assert_array_equal(np.concatenate(made), wanted)
    device.device.write(a, b"\x5a" * device.size)
    assert device.call("init", a, device.size) == OK
    np.testing.assert_array_equal(device.stream(a, first), alone[0])


@needs_unicorn
def test_an_interrupt_may_run_another_context_in_the_midst_of_a_call(program):
    device = program()
    blocks = extremes(40 * HOP)["real speech in noise"].reshape(-1, HOP)[30:34]
    a, b = device.STREAMS
    assert device.call("init", a, device.size) == device.call("init", b, device.size) == OK
    wanted = device.stream(a, blocks)
    assert device.call("reset", a) == OK
    made = []
    for block in blocks:
        device.device.write(device.IN, block.astype("<i2").tobytes())
        device.device.write(device.IN + 0x400, block[::-1].astype("<i2").tobytes())
        interruptions = device.device.call_interrupted(
            (f"{device.name}_process", a, device.IN, device.OUT),
            (f"{device.name}_process", b, device.IN + 0x400, device.OUT + 0x400),
            every=30_000,
        )
        assert interruptions >= 5
        made.append(np.frombuffer(device.device.read(device.OUT, 2 * HOP), "<i2"))
    np.testing.assert_array_equal(np.concatenate(made), wanted)


@needs_unicorn
def test_a_context_that_outlives_an_update_of_the_firmware_is_refused(program, built, exported):
    old = program()
    new = Program(built("w8a8"), exported("w8a8")[1].name)
    assert old.call("init", old.context, old.size) == OK
    left = old.device.read(old.context, old.size)
    new.device.write(new.STREAMS[0], left)
    assert new.call("process", new.STREAMS[0], new.IN, new.OUT) == NOT_INITIALISED
    assert new.call("reset", new.STREAMS[0]) == NOT_INITIALISED
    assert new.device.read(new.STREAMS[0], old.size) == left


@needs_unicorn
def test_a_fault_is_told_with_its_function(program):
    device = program()
    context = started(device.device)
    with pytest.raises(StapesError, match=r"gru_mask_process faults in \w+ at 0x"):
        device.call("process", context, RAM + (64 << 20), device.OUT)


@needs_unicorn
@needs_qemu
def test_a_fault_ends_the_board_and_is_told(built, exported, tmp_path):
    undefined = b"\x00\xde"
    firmware, image = Firmware(built("w8a16")), built("w8a16").read_bytes()
    code = firmware.read(firmware.symbol(f"{exported('w8a16')[1].name}_process").address, 64)
    assert image.count(code) == 1
    (tmp_path / "broken.elf").write_bytes(image.replace(code, undefined + code[2:]))
    with pytest.raises(StapesError, match=r"the program faults \(exception \d+\)"):
        run_in_qemu(tmp_path / "broken.elf", np.zeros(HOP, np.int16))


@pytest.mark.needs("native")
def test_the_context_of_another_model_is_refused(exported, tmp_path):
    import ctypes

    programs = []
    for recipe in RECIPES:
        folder, bundle = exported(recipe)
        build_for_host(folder, bundle.name, tmp_path / f"{recipe}.so", flags=("-O1",))
        programs.append((ctypes.CDLL(str(tmp_path / f"{recipe}.so")), bundle.name))
    size, other_size = (library.shim_context_bytes() for library, _ in programs)
    memory, block = (ctypes.c_uint64 * max(size, other_size))(), (ctypes.c_int16 * HOP)()

    def one(function, *arguments):
        return getattr(programs[0][0], f"{programs[0][1]}_{function}")(memory, *arguments)

    def other(function, *arguments):
        return getattr(programs[1][0], f"{programs[1][1]}_{function}")(memory, *arguments)

    assert one("init", ctypes.c_size_t(other_size)) == WRONG_SIZE
    assert one("init", ctypes.c_size_t(size)) == OK
    assert other("process", block, block) == NOT_INITIALISED
    assert other("reset") == NOT_INITIALISED
    assert one("process", block, block) == OK
    assert other("init", ctypes.c_size_t(other_size)) == OK
    odd = ctypes.byref(memory, 8 * len(memory) - 1)
    assert other("network", odd, block) == other("network", block, odd) == MISALIGNED


# ---- what a machine may lack


def test_a_missing_compiler_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    assert toolchain.available_toolchains() == ()
    with pytest.raises(StapesError, match=r"install gcc-arm-none-eabi .* or: pip install 'stapes\[m7\]'"):
        toolchain.find_toolchain()


@pytest.mark.parametrize("package", ["unicorn", "elftools.elf.elffile"])
def test_a_missing_package_is_named_with_its_remedy(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StapesError, match=r"missing; pip install 'stapes\[m7\]'"):
        require_unicorn()


def test_a_missing_qemu_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr("stapes.firmware_sim.device.qemu_device.shutil.which", lambda name: None)
    with pytest.raises(StapesError, match="qemu-system-arm not found; install qemu-system-arm"):
        find_qemu()


@needs_unicorn
def test_audio_that_is_none_is_refused(exported):
    folder, bundle = exported("w8a16")
    engine = CompiledPipeline(CortexM7(), folder, bundle.graph, bundle.sound_path, program=bundle.name)
    with pytest.raises(StapesError, match="int16"):
        engine.run(np.zeros((1, 64)))
    with pytest.raises(StapesError, match="no samples"):
        engine.run(np.zeros((1, 0), np.int16))


@needs_unicorn
def test_c_that_does_not_compile_is_told_with_the_first_complaint(exported, tmp_path):
    folder, bundle = exported("w8a16")
    shutil.copytree(folder, tmp_path / "broken")
    source = tmp_path / "broken" / f"{bundle.name}.c"
    source.write_text(source.read_text().replace("bind_audio(ctx);", "bind_audio(ctx)", 1))
    with pytest.raises(StapesError, match=r"cannot compile the exported C: .*gru_mask.c:\d+"):
        toolchain.build(Path(tmp_path / "broken"), bundle.name, tmp_path)
