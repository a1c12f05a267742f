"""Outputs are whole or not there, and nothing of somebody else's is replaced or deleted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from stapes.models.errors import StapesError
from stapes.models.files import check_file, check_folder, locked, whole_folder, write_all, write_folder, write_whole

from tests.disks import largest_file


def texts(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, without the list of what was written there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".stapes"
    }


# ---- files


def test_link_stays_and_what_it_points_to_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "old.wav").write_bytes(b"old")
    for name, target in (("link.wav", "old.wav"), ("dangling.wav", "new.wav")):
        (tmp_path / name).symlink_to(tmp_path / "far" / target)
        write_whole(tmp_path / name, b"sound")
        assert (tmp_path / name).is_symlink()
    assert texts(tmp_path / "far") == {"old.wav": b"sound", "new.wav": b"sound"}


@pytest.mark.parametrize("check", [check_file, check_folder])
def test_a_path_that_goes_up_from_a_folder_that_is_not_there_is_refused(check, tmp_path):
    (tmp_path / "there").mkdir()
    check(tmp_path / "there" / ".." / "new")
    with pytest.raises(StapesError, match=f"^{tmp_path}/missing/a: no such folder, so .. leads nowhere from there"):
        check(tmp_path / "missing" / "a" / ".." / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_device_and_pipe_are_written_to_and_stay_what_they_are(tmp_path):
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    write_whole(fifo, b"sound")
    reader.join()
    assert read == [b"sound"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    write_whole("/dev/null", b"sound")
    assert not Path("/dev/null").is_file()
    with pytest.raises(StapesError, match=r"/dev/full: cannot be written \(No space left"):
        write_whole("/dev/full", b"sound")


def test_standard_output_is_written_to_where_it_is_a_file(tmp_path):
    code = (
        "from stapes.models.files import write_whole; print('before', flush=True); write_whole('/dev/stdout', b'sound')"
    )
    with open(tmp_path / "log", "ab") as log:
        before = os.fstat(log.fileno()).st_ino
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").stat().st_ino == before


def test_read_only_file_is_kept_and_rights_are_taken_over(tmp_path):
    path = tmp_path / "out.wav"
    path.write_bytes(b"kept")
    path.chmod(0o444)
    for refuse in (check_file, lambda path: write_whole(path, b"new")):
        with pytest.raises(StapesError, match=r"out\.wav: is read-only"):
            refuse(path)
    path.chmod(0o640)
    write_whole(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)


def test_all_files_are_written_or_none(tmp_path):
    files = {tmp_path / name: b"new" for name in ("a", "b", "c")}
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "c").mkdir()
    with pytest.raises(StapesError, match="c: is a folder"):
        write_all(files)
    assert texts(tmp_path) == {"a": b"old"}
    (tmp_path / "c").rmdir()
    with largest_file(10), pytest.raises(StapesError, match="b: cannot be written"):
        write_all(files | {tmp_path / "b": b"x" * 100})
    assert texts(tmp_path) == {"a": b"old"}


def test_failure_in_the_last_moment_is_taken_back(tmp_path, monkeypatch):
    for name in ("a", "b", "stale"):
        (tmp_path / name).write_bytes(b"old")
    rename = os.rename

    def fail(source, target):
        if Path(target).name == "b" and Path(source).read_bytes() == b"new":
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(StapesError, match="Input/output error"):
        write_all({tmp_path / name: b"new" for name in ("a", "b", "c")}, [tmp_path / "stale"])
    assert texts(tmp_path) == dict.fromkeys(("a", "b", "stale"), b"old")


def test_two_names_of_one_file_are_refused(tmp_path):
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(StapesError, match="is the same file"):
        write_all({tmp_path / "one": b"1", tmp_path / "two": b"2"})
    assert (tmp_path / "one").read_bytes() == b"old"


def test_what_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "letter").write_text("a letter")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StapesError, match="folder: is a folder"):
        check_file(tmp_path / "folder")
    with pytest.raises(StapesError, match="is an input"):
        check_file(tmp_path / "letter", [tmp_path / "folder" / ".." / "letter"])
    for check in (check_file, check_folder):
        with pytest.raises(StapesError, match="letter: is a file"):
            check(tmp_path / "letter" / "deep" / "out")
    with pytest.raises(StapesError, match="letter: is a file"):
        check_folder(tmp_path / "letter")
    with pytest.raises(StapesError, match="out: is an input"):
        check_folder(tmp_path / "folder", ["out"], inputs=[tmp_path / "folder" / "out"])
    assert texts(tmp_path) == {"letter": b"a letter"}


# ---- folders


def test_second_run_replaces_and_deletes_only_what_the_first_wrote(tmp_path):
    write_folder(tmp_path / "out", {"a": b"1", "sub/b": b"1", "sub/c": b"1"}, part="x")
    (tmp_path / "out" / "notes.txt").write_bytes(b"mine")
    (tmp_path / "out" / "sub" / "mine.c").write_bytes(b"mine")
    write_folder(tmp_path / "out", {"a": b"2", "d": b"2"}, part="x")
    assert texts(tmp_path / "out") == {"a": b"2", "d": b"2", "notes.txt": b"mine", "sub/mine.c": b"mine"}


def test_changed_file_is_refused_by_name_or_left_where_it_is_no_longer_written(tmp_path):
    write_folder(tmp_path / "out", {"a": b"1", "b": b"1"}, part="x")
    (tmp_path / "out" / "b").write_bytes(b"edited")
    for refuse in (
        lambda: check_folder(tmp_path / "out", ["b"]),
        lambda: write_folder(tmp_path / "out", {"a": b"2", "b": b"2"}),
    ):
        with pytest.raises(StapesError, match="b: has been changed since it was written"):
            refuse()
    assert texts(tmp_path / "out") == {"a": b"1", "b": b"edited"}
    write_folder(tmp_path / "out", {"a": b"2"}, part="x")
    assert texts(tmp_path / "out") == {"a": b"2", "b": b"edited"}


def test_foreign_file_is_refused_by_name(tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    with pytest.raises(StapesError, match="a: exists and was not generated"):
        write_folder(tmp_path, {"b": b"1", "a": b"1"})
    with pytest.raises(StapesError, match=r"a: not written by stapes; the folder holds other files"):
        write_folder(tmp_path, {"b": b"1"}, alone=True)
    assert texts(tmp_path) == {"a": b"mine"}


def test_file_that_is_already_as_it_would_be_is_no_obstacle(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    write_folder(tmp_path, {"a": b"1"})
    write_folder(tmp_path, {"a": b"2"})
    assert texts(tmp_path) == {"a": b"2"}


def test_two_kinds_share_a_folder_and_its_files(tmp_path):
    write_folder(tmp_path, {"x": b"1", "shared": b"1"}, part="x")
    write_folder(tmp_path, {"y": b"1", "shared": b"2"}, part="y")
    write_folder(tmp_path, {"x2": b"1"}, part="x")
    assert texts(tmp_path) == {"x2": b"1", "y": b"1", "shared": b"2"}
    write_folder(tmp_path, {"y": b"2", "shared": b"3"}, part="y")


def test_earlier_outputs_are_kept_where_asked_for(tmp_path):
    write_folder(tmp_path, {"a": b"1"}, keep=True)
    write_folder(tmp_path, {"b": b"1"}, keep=True)
    write_folder(tmp_path, {"a": b"2"}, keep=True)
    assert texts(tmp_path) == {"a": b"2", "b": b"1"}


@pytest.mark.parametrize("name", ["../victim", "/victim", "link/victim"])
def test_list_of_a_stranger_reaches_nothing_outside(tmp_path, name):
    (tmp_path / "victim").write_bytes(b"mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    name = str(tmp_path / "victim") if name == "/victim" else name
    hashed = hashlib.sha256(b"mine").hexdigest()
    (folder / ".stapes").write_text(json.dumps({"format": 1, "files": {name: hashed}, "parts": {"x": [name]}}))
    with contextlib.suppress(StapesError):
        write_folder(folder, {"a": b"1"}, part="x")
    assert (tmp_path / "victim").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"format": 1, "files": {"a": 1}, "parts": {}}', b"[" * 100_000]
)
def test_foreign_list_is_refused_by_name(tmp_path, content):
    (tmp_path / ".stapes").write_bytes(content)
    with pytest.raises(StapesError, match=r"\.stapes: damaged"):
        write_folder(tmp_path, {"a": b"1"})
    assert [path.name for path in tmp_path.iterdir()] == [".stapes"]


def test_link_to_a_folder_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "far" / "out")
    write_folder(tmp_path / "link", {"a": b"1"})
    write_folder(tmp_path / "link", {"a": b"2"})
    assert (tmp_path / "link").is_symlink()
    assert texts(tmp_path / "far") == {"out/a": b"2"}


def test_what_a_killed_run_has_left_is_no_obstacle(tmp_path):
    (tmp_path / ".a.partial").write_bytes(b"half")
    (tmp_path / ".a.0123abcd.partial").write_bytes(b"half")
    write_folder(tmp_path, {"a": b"1"}, alone=True)
    assert (tmp_path / "a").read_bytes() == b"1"


def test_failing_work_leaves_no_folder_and_no_file(tmp_path):
    def fail():
        with whole_folder(tmp_path / "new" / "out") as work:
            (work / "a").write_bytes(b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with largest_file(10), pytest.raises(StapesError, match="cannot be written"):
        write_folder(tmp_path / "new" / "out", {"a": b"1", "b": b"x" * 100})
    assert list(tmp_path.iterdir()) == []
    with whole_folder(tmp_path / "new" / "out") as work:
        (work / "sub").mkdir()
        (work / "sub" / "a").write_bytes(b"1")
    assert texts(tmp_path) == {"new/out/sub/a": b"1"}


def test_two_runs_into_one_folder_do_not_mix(tmp_path):
    runs = [{f"{index:02}": bytes([run]) for index in range(20)} for run in range(8)]
    threads = [threading.Thread(target=write_folder, args=(tmp_path / "out", files)) for files in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts(tmp_path / "out") in runs
    busy = locked(tmp_path / "out", "another run is at it")
    with locked(tmp_path / "out"), pytest.raises(StapesError, match="out: another run"), busy:
        pass
