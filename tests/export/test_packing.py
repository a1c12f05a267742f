"""Packed matrices hold the weights that went in, and the exporter chooses a form only where its bits are proven."""

import numpy as np
import pytest
from stapes.export.c.packing import (
    GRU_UNITS,
    ONCE,
    ONCE_HIGH,
    TWICE,
    TWICE_HIGH,
    Matrix,
    interleave,
    pack,
    pack_weights,
    unpack_weights,
)
from stapes.models.errors import StapesError


def matrix(weights, wide, bias=0, multiplier_q31=2**30 + 12345, shift=-8, zero_point=0):
    """A matrix whose rows share everything but the weights."""
    rows = len(weights)
    return Matrix(
        weights=np.asarray(weights, np.int8),
        bias=np.full(rows, bias),
        multiplier_q31=np.full(rows, multiplier_q31),
        shift=np.full(rows, shift),
        zero_point=np.full(rows, zero_point),
        wide=wide,
        narrow=not wide,
        largest_input=2**15 if wide else 2**7,
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (65, 130), (7, 257)])
def test_unpacking_gives_back_the_weights(shape):
    weights = np.random.default_rng(0).integers(-127, 128, shape).astype(np.int8)
    packed = pack_weights("fc", weights)
    assert packed.shape == (-(-shape[0] // 4), -(-shape[1] // 4), 2, 2, 2)
    np.testing.assert_array_equal(unpack_weights(packed, *shape), weights)


def test_a_halfword_is_256_times_the_odd_row_and_the_even_row():
    packed = pack_weights("fc", np.array([[1, 2, 3, 4], [-5, -6, -7, -8], [0, 0, 0, 9], [127, -127, 0, 0]], np.int8))
    rows = [[[1 - 256 * 5, 2 - 256 * 6], [256 * 127, -256 * 127]], [[3 - 256 * 7, 4 - 256 * 8], [0, 9]]]
    np.testing.assert_array_equal(packed, [[rows]])


def test_weights_that_no_halfword_holds_are_refused():
    assert pack_weights("fc", np.array([[-128], [127]], np.int8))[0, 0, 0, 0, 0] == 256 * 127 - 128
    with pytest.raises(StapesError, match=r"operator 'fc': weights of -128; .* from -127 to 127"):
        pack_weights("fc", np.array([[-1], [-128]], np.int8))


@pytest.mark.parametrize(
    ("given", "rounding"),
    [
        (matrix([[127] * 8] * 4, True), ONCE_HIGH),
        (matrix([[127] * 8] * 4, True, shift=-17), ONCE_HIGH),
        (matrix([[127] * 8] * 4, True, shift=-18), ONCE),
        (matrix([[127] * 8] * 4, True, shift=0), ONCE),
        (matrix([[127] * 8] * 4, True, multiplier_q31=0, shift=0), ONCE_HIGH),
        (matrix([[127] * 516] * 4, False), TWICE_HIGH),
        (matrix([[127] * 517] * 4, False), TWICE),
        (matrix([[127] * 517, [1] * 517], False), TWICE_HIGH),
        (matrix([[1] * 517, [127] * 517], False), TWICE),
        (matrix([[1], [1]], False, bias=2**23 - 129), TWICE_HIGH),
        (matrix([[1], [1]], False, bias=2**23 - 128), TWICE),
        (matrix([[127] * 8] * 4, False, shift=-2), TWICE_HIGH),
        (matrix([[127] * 8] * 4, False, shift=-1), TWICE),
    ],
)
def test_the_form_follows_the_bounds(given, rounding):
    assert pack("fc", given).rounding == rounding


def test_rows_hold_biases_multipliers_shifts_and_the_zero_point():
    packed = pack("fc", matrix([[1], [2], [3], [4], [5]], False, bias=-7, shift=-5, zero_point=-3))
    word = -3 * 2**24 + sum(5 << 6 * i for i in range(4))
    last = -3 * 2**24 + 5 + sum(2 << 6 * i for i in range(1, 4))
    multiplier = 2**30 + 12345
    expected = [[-7] * 4 + [multiplier] * 4 + [word], [-7, 0, 0, 0, multiplier, 0, 0, 0, last]]
    np.testing.assert_array_equal(packed.rows, expected)


def test_gates_follow_each_other_in_turn_each_filled_up():
    gates = [matrix(np.full((GRU_UNITS + 3, 1), gate), True) for gate in (1, 2, 3)]
    rows = [gate for gate in (1, 2, 3) for _ in range(GRU_UNITS)]
    rest = [value for gate in (1, 2, 3) for value in (gate, gate, gate, 0)]
    assert interleave(gates).weights[:, 0].tolist() == rows + rest


def groups_of(packed, groups):
    """Packed weights (blocks, groups, 8) out of those of a sparse matrix, as its kernels walk over them."""
    whole = np.zeros((len(packed.rows), groups, 8), np.int16)
    start = 0
    for block, (end, way) in zip(whole, packed.rows[:, 4:6].tolist(), strict=True):
        at, group, end = start // 2, (way & 0xFFFF) // 8, end // 2
        if (end - at) % 18:
            block[group] = packed.weights[at : at + 8]
            at += 8
        for two in packed.weights[at:end].reshape(-1, 18):
            block[group + two[0] // 8] = two[2:10]
            group += two[1] // 8
            block[group] = two[10:]
        start = 2 * end
    return whole


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (65, 130), (7, 257)])
def test_a_sparse_matrix_holds_the_groups_that_are_not_all_zeros(shape, zeros):
    rng = np.random.default_rng(1)
    weights = (
        rng.integers(1, 128, shape)
        * np.kron(rng.random((17, 65)) >= zeros, np.ones((4, 4), int))[: shape[0], : shape[1]]
    )
    whole, packed = pack("fc", matrix(weights, True), sparse=False), pack("fc", matrix(weights, True), sparse=True)
    kept = np.count_nonzero(whole.weights.any(axis=(2, 3, 4)), axis=1)
    assert packed.sparse
    assert packed.weights.size == max(8 * kept.sum() + 2 * (kept // 2).sum(), 2)
    np.testing.assert_array_equal(
        groups_of(packed, whole.weights.shape[1]), whole.weights.reshape(*whole.weights.shape[:2], 8)
    )
    np.testing.assert_array_equal(np.delete(packed.rows, [4, 5], axis=1), whole.rows)


def test_two_groups_follow_their_distances_from_the_second_one_before():
    weights = np.zeros((8, 64), np.int8)
    weights[1, [4, 12, 20, 60]] = 1
    weights[5, [8, 40, 44]] = 1
    packed = pack("bank", matrix(weights, True))
    distances = [packed.weights[i : i + 2].tolist() for i in (0, 18, 36 + 8)]
    assert distances == [[8, 24], [16, 96], [64, 72]]
    # Two turns of eight are run, the first of them in the second block from its middle, with x at group 2.
    assert packed.rows[:, 4:6].tolist() == [[72, 6 * 120 << 16], [72 + 52, (6 * 120 + 64 << 16) + 16]]


@pytest.mark.parametrize(("kept", "sparse"), [(13, True), (14, False)])
def test_a_matrix_stays_whole_until_enough_groups_are_zeros(kept, sparse):
    weights = np.ones((4, 64), np.int8)
    weights[:, 4 * kept :] = 0
    assert pack("fc", matrix(weights, True)).sparse == sparse


def test_a_matrix_too_wide_for_its_distances_stays_whole():
    assert pack("fc", matrix(np.zeros((4, 16380), np.int8), True)).sparse
    assert not pack("fc", matrix(np.zeros((4, 16384), np.int8), True)).sparse
