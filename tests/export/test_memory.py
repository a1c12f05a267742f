"""The arena planner: no two living buffers overlap, and memory is reused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stapes.export.memory import Buffer, plan


@st.composite
def buffer_lists(draw):
    sizes = draw(st.lists(st.integers(1, 5000), max_size=25))
    buffers = []
    for index, size in enumerate(sizes):
        first = draw(st.integers(0, 30))
        buffers.append(Buffer(f"b{index}", size, first, first + draw(st.integers(0, 10))))
    return buffers


def overlap_in_memory(a, b, offsets):
    return offsets[a.name] < offsets[b.name] + b.size and offsets[b.name] < offsets[a.name] + a.size


@given(buffer_lists(), st.sampled_from([1, 4, 16]))
def test_buffers_that_live_together_never_share_memory(buffers, alignment):
    result = plan(buffers, alignment)
    for index, a in enumerate(buffers):
        assert result.offsets[a.name] % alignment == 0
        assert result.offsets[a.name] + a.size <= result.size
        for b in buffers[index + 1 :]:
            assert not (a.meets(b) and overlap_in_memory(a, b, result.offsets))


@given(buffer_lists())
def test_the_arena_is_never_larger_than_without_reuse_and_never_smaller_than_the_busiest_step(buffers):
    result = plan(buffers, 1)
    steps = range(50)
    busiest = max((sum(b.size for b in buffers if b.first <= s <= b.last) for s in steps), default=0)
    assert busiest <= result.size <= sum(b.size for b in buffers)


def test_a_chain_of_layers_alternates_between_two_places():
    chain = [Buffer(f"layer{i}", 128, i, i + 1) for i in range(10)]
    assert plan(chain).size == 256


def test_a_buffer_that_lives_throughout_keeps_its_place():
    result = plan([Buffer("state", 100, 0, 9), *[Buffer(f"t{i}", 50, i, i) for i in range(10)]], 4)
    assert result.offsets["state"] == 0
    assert {result.offsets[f"t{i}"] for i in range(10)} == {100}


@pytest.mark.parametrize("buffers", [[], [Buffer("only", 1, 0, 0)]])
def test_small_plans(buffers):
    assert plan(buffers, 16).size == 16 * len(buffers)
