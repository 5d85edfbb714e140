"""What a publication leaves behind at each step, so that an interrupted one goes on.

Below the work folder each image has a folder of its own, named by its identifier,
with ``draft.xml``, ``signed.xml`` and ``receipt.json``; ``files/`` keeps what was read of
image files, so that one that has not changed is not read twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from marketplace.files import write_whole
from marketplace.publishing.facts import MOST_FACTS, FactsError, ImageFacts, parse_facts
from validators.coded_error import CodedError

#: Seconds for which a change of a file can stay unseen, because clocks of file systems tick.
_TICK: Final = 2.0
_MOST_DOCUMENT: Final = 1 << 20
_PRIVATE: Final = 0o600


class BusyError(CodedError, code="publishing.busy"):
    """Another process publishes the same image from the same work folder."""


class StrangersFolderError(CodedError, code="publishing.folder"):
    """The work folder is another user's, who could change what is signed."""


class Work:
    """The work folder.

    Args:
        folder: made when something is kept in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_facts(self, image: Path) -> ImageFacts | None:
        """What was read of an image file, where the file is the same since.

        Raises:
            StrangersFolderError: another user could have written it.
        """
        if self.folder.exists():
            _verify_own(self.folder)
        try:
            kept = json.loads(_read(self._facts_of(image), MOST_FACTS))
            if kept["state"] != _state(image):
                return None
            return parse_facts(json.dumps(kept["facts"]).encode())
        except (OSError, ValueError, KeyError, TypeError, RecursionError, FactsError):
            return None  # what cannot be used is read anew

    def keep_facts(self, image: Path, facts: ImageFacts) -> None:
        """Keep what was read of an image file, unless it may still change unseen."""
        state = _state(image)
        if time.time() - image.stat().st_mtime < _TICK:
            return
        self._keep(self._facts_of(image), json.dumps({"state": state, "facts": facts.record()}).encode())

    @contextmanager
    def image(self, identifier: str) -> Iterator[ImageWork]:
        """The folder of one image, for this process alone.

        Raises:
            BusyError: another process has it.
            StrangersFolderError: another user can change what is in it.
            OSError: it cannot be made.
        """
        folder = self._made(self.folder / identifier)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, _PRIVATE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise BusyError(f"{folder}: another process is publishing this image") from None
        try:
            yield ImageWork(folder)
        finally:
            os.close(handle)

    def _facts_of(self, image: Path) -> Path:
        name = hashlib.sha256(str(image.absolute()).encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / "files" / f"{name[:32]}.json"

    def _keep(self, path: Path, data: bytes) -> None:
        self._made(path.parent)
        write_whole(path, data, _PRIVATE)

    def _made(self, folder: Path) -> Path:
        # What is drafted may be meant for a group only. The mode of mkdir is not for parents.
        for each in (self.folder, folder):
            each.mkdir(mode=0o700, exist_ok=True)
            _verify_own(each)
        return folder


class ImageWork:
    """The files of one publication in the work folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def draft(self) -> Path:
        """The path of the draft."""
        return self._folder / "draft.xml"

    def edited(self, base: bytes) -> bytes:
        """The draft as it was edited last, where it was made of the same base; else the base."""
        kept = self._find("draft.base")
        return (self._find("draft.xml") or base) if kept == base else base

    def keep_draft(self, base: bytes, draft: bytes) -> None:
        """Keep a draft and what it was made of."""
        write_whole(self._folder / "draft.base", base, _PRIVATE)
        write_whole(self.draft, draft, _PRIVATE)

    def find_signed(self) -> bytes | None:
        """The document that was signed last."""
        return self._find("signed.xml")

    def keep_signed(self, document: bytes) -> None:
        """Keep what was signed, before it is sent."""
        write_whole(self._folder / "signed.xml", document, _PRIVATE)

    def keep_receipt(self, receipt: dict[str, Any]) -> None:
        """Keep the marketplace's answer to an upload."""
        write_whole(self._folder / "receipt.json", json.dumps(receipt, indent=2).encode() + b"\n", _PRIVATE)

    def _find(self, name: str) -> bytes | None:
        try:
            return _read(self._folder / name, _MOST_DOCUMENT)
        except FileNotFoundError:
            return None


def _verify_own(folder: Path) -> None:
    # In a folder such as /tmp anybody can make the work folder first, or a link of its name.
    if {folder.lstat().st_uid, folder.stat().st_uid} != {os.geteuid()}:
        raise StrangersFolderError(f"{folder} belongs to another user: give your own folder with --work")


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit)


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]
