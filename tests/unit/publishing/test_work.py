"""The work folder: one publication of an image at a time, and nothing that others can read."""

import json
import os
import stat

import pytest

from marketplace.publishing.facts import ImageFacts
from marketplace.publishing.work import BusyError, StrangersFolderError, Work
from validators.identifier import identifier_from_sha1

SHA1 = "ab" * 20
FACTS = ImageFacts(identifier_from_sha1(SHA1), 5, {"SHA-1": SHA1})


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"12345")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_an_image_is_published_by_one_at_a_time(tmp_path) -> None:
    work = Work(tmp_path / "work")
    with work.image("A" * 27):
        with pytest.raises(BusyError, match="another process"), work.image("A" * 27):
            pass
        with work.image("B" * 27):
            pass
    with work.image("A" * 27):
        pass


def test_only_the_owner_reads_what_is_kept(tmp_path) -> None:
    work = Work(tmp_path / "work")
    with work.image("A" * 27) as own:
        own.keep_draft(b"base", b"draft")
        own.keep_signed(b"signed")
        own.keep_receipt({"outcome": "published"})
    for path in (tmp_path / "work").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE((tmp_path / "work").stat().st_mode) == 0o700


def test_a_draft_that_was_edited_is_gone_on_with_while_its_base_is_the_same(tmp_path) -> None:
    with Work(tmp_path / "work").image("A" * 27) as own:
        assert own.edited(b"base") == b"base"
        own.keep_draft(b"base", b"edited")
        assert own.edited(b"base") == b"edited"
        assert own.edited(b"other") == b"other"


def test_facts_count_while_the_file_is_the_same(tmp_path, image) -> None:
    work = Work(tmp_path / "work")
    assert work.find_facts(image) is None
    work.keep_facts(image, FACTS)
    found = work.find_facts(image)
    assert found is not None
    assert (found.size, found.checksums) == (5, {"SHA-1": SHA1})
    image.write_bytes(b"54321")
    assert work.find_facts(image) is None


def test_facts_of_a_file_that_may_still_change_unseen_are_not_kept(tmp_path, image) -> None:
    work = Work(tmp_path / "work")
    image.touch()
    work.keep_facts(image, FACTS)
    assert work.find_facts(image) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"null", b"[" * 9000])
def test_facts_that_cannot_be_used_are_read_anew(tmp_path, image, content) -> None:
    work = Work(tmp_path / "work")
    work.keep_facts(image, FACTS)
    (kept,) = (tmp_path / "work" / "files").iterdir()
    kept.write_bytes(content)
    assert work.find_facts(image) is None
    state = list(image.stat())
    kept.write_text(json.dumps({"state": state, "facts": FACTS.record()}))
    assert work.find_facts(image) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder to somebody else")
@pytest.mark.parametrize("theirs", ["folder", "link"])
def test_another_users_folder_is_not_worked_in(tmp_path, image, theirs) -> None:
    (tmp_path / "own").mkdir(mode=0o700)
    Work(tmp_path / "own").keep_facts(image, FACTS)
    folder = tmp_path / "own"
    if theirs == "link":
        folder = tmp_path / "link"
        folder.symlink_to(tmp_path / "own")
    os.chown(folder, 65534, 65534, follow_symlinks=False)
    work = Work(folder)
    with pytest.raises(StrangersFolderError, match="--work"):
        work.find_facts(image)
    with pytest.raises(StrangersFolderError), work.image("A" * 27):
        pass
