"""Rows of Parquet come back as they were written, in the order of the pieces, and a stopped run loses nothing."""

import contextlib
import resource

import pytest
from stapes.models.errors import StapesError
from stapes.tools.work.rows import Rows, check_results, rows_in

ABOUT = {"bundle": "0123", "corpus": "abcd"}
COLUMNS = {"name": "text", "figure": "number"}
PIECES = [
    [{"name": f"{place}{side}", "figure": None if side == "b" else 0.5 * place} for side in "ab"] for place in range(5)
]


def written(path, order):
    with rows_in(path, ABOUT, COLUMNS, len(PIECES)) as (rows, done):
        for place in order:
            if place not in done:
                rows.add(place, PIECES[place])
        rows.finish()
    return path


@contextlib.contextmanager
def no_room_for_more_than(size):
    """Files of this process may be no longer: the same error as of a full disk, from the same calls."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_order_in_which_pieces_come_changes_no_byte(tmp_path):
    paths = [
        written(tmp_path / name, order) for name, order in (("a.parquet", range(5)), ("b.parquet", [3, 0, 4, 2, 1]))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert list(Rows(paths[0], ABOUT, COLUMNS, 5)) == [row for piece in PIECES for row in piece]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_a_full_disk_in_the_middle_keeps_what_was_done(tmp_path):
    path, whole = tmp_path / "out.parquet", written(tmp_path / "whole.parquet", range(5)).read_bytes()
    with rows_in(path, ABOUT, COLUMNS, 5) as (rows, _):
        rows.add(0, PIECES[0])
        rows.add(1, PIECES[1])
        with no_room_for_more_than(100), pytest.raises(StapesError, match=r"cannot be written \(File too large\)"):
            rows.add(2, PIECES[2])
    with rows_in(path, ABOUT, COLUMNS, 5) as (rows, done):
        assert done == {0, 1}
        for place in (2, 3, 4):
            rows.add(place, PIECES[place])
        with no_room_for_more_than(100), pytest.raises(StapesError, match=r"what was done is kept in .*: make room"):
            rows.finish()
    assert not path.exists()
    assert written(path, []).read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.parquet", "whole.parquet"]


@pytest.mark.parametrize("stage", ["parts", "whole"])
def test_results_of_something_else_are_refused_and_stay(tmp_path, stage):
    path = tmp_path / "out.parquet"
    if stage == "whole":
        written(path, range(5))
    else:
        with rows_in(path, ABOUT, COLUMNS, 5) as (rows, _):
            rows.add(0, PIECES[0])
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for about, words in (
        ({**ABOUT, "bundle": "4567"}, r"results of another bundle \(0123, not 4567\)"),
        ({**ABOUT, "corpus": "efgh"}, "another corpus"),
    ):
        with pytest.raises(StapesError, match=words), rows_in(path, about, COLUMNS, 5):
            pass
    with pytest.raises(StapesError, match="other columns"), rows_in(path, ABOUT, {"name": "text"}, 5):
        pass
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_what_is_no_parquet_is_told_in_one_line(tmp_path):
    with pytest.raises(StapesError, match=r"out.txt: give a name that ends with .parquet"):
        check_results(tmp_path / "out.txt")
    mine = tmp_path / "mine.parquet"
    mine.write_bytes(b"my notes")
    with pytest.raises(StapesError, match="give another name"):
        check_results(mine)
    mine.write_bytes(b"PAR1 and no more")
    with pytest.raises(StapesError, match="no results of stapes, or damaged"), rows_in(mine, ABOUT, COLUMNS, 5):
        pass


def test_two_runs_do_not_write_the_same_results(tmp_path):
    path = tmp_path / "out.parquet"
    with (
        rows_in(path, ABOUT, COLUMNS, 5),
        pytest.raises(StapesError, match="another run is writing"),
        rows_in(path, ABOUT, COLUMNS, 5),
    ):
        pass
