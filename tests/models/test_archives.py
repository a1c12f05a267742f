"""Out of an archive come its files, below the folder, whatever else it holds."""

import io
import tarfile

import pytest
from stapes.models.archives import extract_files


def archive(path, names, link=None):
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc"
            tar.addfile(member)
    return path


def test_files_are_written_and_links_are_left_out(tmp_path):
    with tarfile.open(archive(tmp_path / "a.tgz", ["top/a.c", "top/deep/b.c"], link="top/out")) as tar:
        extract_files(tar, tmp_path / "made")
    made = {path.relative_to(tmp_path / "made").as_posix() for path in (tmp_path / "made").rglob("*")}
    assert made == {"top", "top/a.c", "top/deep", "top/deep/b.c"}
    assert (tmp_path / "made" / "top" / "deep" / "b.c").read_bytes() == b"top/deep/b.c"


def test_only_the_members_asked_for_are_written(tmp_path):
    with tarfile.open(archive(tmp_path / "a.tgz", ["a", "b"])) as tar:
        extract_files(tar, tmp_path / "made", [tar.getmember("b")])
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["b"]


@pytest.mark.parametrize("name", ["../out", "/out", "top/../../out"])
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(name, tmp_path):
    (tmp_path / "deep").mkdir()
    with (
        tarfile.open(archive(tmp_path / "a.tgz", ["good", name])) as tar,
        pytest.raises(tarfile.TarError, match="leads out"),
    ):
        extract_files(tar, tmp_path / "deep" / "made")
    assert list((tmp_path / "deep").iterdir()) == []
