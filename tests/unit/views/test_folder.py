"""The folder of a copy: what an earlier run left is believed only where it ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from marketplace.views.copy import INDEX, CopiedFile, Index
from marketplace.views.copy_folder import CopyFolder
from marketplace.views.errors import CopyError

VIEW = dict.fromkeys(("name", "title", "description", "site", "site_title", "url", "updated", "options"), "")


def write(folder: Path, *, fails: bool = False, **files: bytes) -> CopyFolder:
    """One run, which writes some files."""
    with CopyFolder(folder, private=False).locked() as place:
        for name, data in files.items():
            place.write(f"lists/{name}", data)
        if fails:
            raise OSError("the disk is full")
        place.finish(INDEX, Index(VIEW, (), (), place.files).to_bytes())
        place.remove_others()
        return place


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file() and one.name != INDEX
    }


def test_what_did_not_change_is_left_alone_and_what_is_gone_goes(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    assert write(folder, a=b"one", b=b"two", c=b"three").written == 3
    done = write(folder, a=b"one", b=b"TWO")
    assert (done.written, done.unchanged) == (1, 1)
    assert contents(folder) == {"lists/a": b"one", "lists/b": b"TWO"}


def test_what_a_stopped_run_left_is_not_taken_for_what_the_index_says(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    write(folder, a=b"one", b=b"two")
    with pytest.raises(OSError, match="disk is full"):
        write(folder, fails=True, a=b"ONE", b=b"two")
    # Back to what the index still says: of the same length, and another content is there.
    done = write(folder, a=b"one", b=b"two")
    assert (done.written, done.unchanged) == (1, 1)
    assert contents(folder) == {"lists/a": b"one", "lists/b": b"two"}


def test_a_first_run_that_was_stopped_is_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    with pytest.raises(OSError, match="disk is full"):
        write(folder, fails=True, a=b"half", b=b"of an entry that went meanwhile")
    write(folder, a=b"one")
    assert contents(folder) == {"lists/a": b"one"}
    (folder / INDEX).unlink()
    with pytest.raises(CopyError, match="is not a copy of a view"):
        write(folder, a=b"one")


def test_a_file_of_another_length_is_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    write(folder, a=b"one")
    (folder / "lists" / "a").write_bytes(b"on")
    assert write(folder, a=b"one").written == 1


def test_half_a_file_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    write(folder, a=b"one")
    (folder / ".0123456789abcdef.part").write_bytes(b"hal")
    write(folder, a=b"one")
    assert contents(folder) == {"lists/a": b"one"}


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    with (
        CopyFolder(folder, private=False).locked(),
        pytest.raises(CopyError, match="another export writes to"),
    ):
        write(folder, a=b"one")


def test_a_private_copy_is_its_owners(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    with CopyFolder(folder, private=True).locked() as place:
        place.write("lists/a", b"one")
        assert place.keep(CopiedFile("lists/b", 1, "0" * 64)) is False
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "lists").stat().st_mode & 0o777 == 0o700
    assert (folder / "lists" / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("private", "folders", "files"), [(False, 0o755, 0o644), (True, 0o700, 0o600)])
def test_a_web_server_reads_each_folder_and_nobody_else_a_private_one(
    tmp_path: Path, private: bool, folders: int, files: int
) -> None:
    before = os.umask(0o077)  # as the command has it
    try:
        with CopyFolder(tmp_path / "copy", private=private).locked() as place:
            place.write("a/b/c/file", b"one")
            place.write("a/other", b"two")
    finally:
        os.umask(before)
    found = {one.stat().st_mode & 0o777 for one in [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
             if one.is_dir()}  # fmt: skip
    assert found == {folders}
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "copy").rglob("*") if one.is_file()} == {files}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "copy" / "lists" / "a").mkdir(parents=True)
    (tmp_path / "copy" / INDEX).write_bytes(Index(VIEW, (), (), ()).to_bytes())
    with pytest.raises(OSError, match="lists/a"):
        write(tmp_path / "copy", a=b"one")
    assert not list((tmp_path / "copy").glob("*.part"))
