"""A folder as a store: an image is there whole under its final name, or not at all.

Everything that users must not see lies in ``.marketplace`` inside the folder, on the same
file system, so that showing and hiding are renames:

- ``parts/``: bytes on their way, and whole images that were not shown yet.
- ``withdrawn/``, ``quarantine/``: what was taken out of sight.
- ``tags/``: one small file for each image of this site.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from marketplace.files import write_whole
from marketplace.images import file_chunks
from marketplace.sites.errors import StoreError, StoreFullError
from marketplace.sites.stores.interface import ImageProperties, Part, StoredImage

WORK = ".marketplace"
#: Room that is left beside an image.
_SPARE = 1.05
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORMAT = re.compile(r"[a-z0-9]{1,10}")


class DirectoryStore:
    """Images in a folder.

    Args:
        site: the name of this site; part of the tags.
    """

    def __init__(self, name: str, site: str, path: Path) -> None:
        self.name = name
        self._site = site
        # What hypervisors name is compared with real paths.
        self._path = path.resolve()
        self._work = self._path / WORK

    def check(self) -> list[str]:
        """See ``Store``."""
        try:
            self._make_folders()
            probe = self._work / "parts" / ".probe"
            write_whole(probe, b"")
            probe.unlink()
        except OSError as error:
            return [f"store {self.name}: {self._path} cannot be written ({(error.strerror or '').lower()})"]
        return []

    def reserve(self, facts: ImageProperties, attempt: int) -> str:
        """See ``Store``."""
        ending = facts.format if _FORMAT.fullmatch(facts.format) else "img"
        external = f"{facts.identifier}.{ending}"
        try:
            self._make_folders()
            self._verify_foreign(external)
            room = shutil.disk_usage(self._path).free + self.part(external).size
            if room < facts.size * _SPARE:
                raise StoreFullError(
                    f"store {self.name} has room for {room} bytes, the image has {facts.size}"
                )
            tag = {"site": self._site, "identifier": facts.identifier, "digest": facts.digest}
            write_whole(self._tag(external), json.dumps(tag | {"entry": facts.entry_id}).encode())
            _sync(self._tag(external).parent)
        except OSError as error:
            raise self._error(error) from error
        return external

    def part(self, external: str) -> Part:
        """See ``Store``."""
        path = self._work / "parts" / external
        size = path.stat().st_size if path.is_file() else 0
        try:
            note = json.loads(self._note(external).read_bytes())
            return Part(path, size, str(note["source"]), str(note["tag"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Part(path, size, "", "")

    def fill(self, external: str, blocks: Iterator[bytes], source: str, tag: str | None, have: int) -> int:
        """See ``Store``."""
        path = self._work / "parts" / external
        size = 0
        try:
            write_whole(self._note(external), json.dumps({"source": source, "tag": tag or ""}).encode())
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.ftruncate(handle, have)
                os.lseek(handle, have, os.SEEK_SET)
                for block in blocks:
                    fresh = memoryview(block)[max(0, have - size) :] if size < have else memoryview(block)
                    size += len(block)
                    while fresh:
                        fresh = fresh[os.write(handle, fresh) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            _sync(path.parent)
        except OSError as error:
            if error.errno in _FULL:
                self.drop(external)
            raise self._error(error) from error
        return size

    def drop(self, external: str) -> None:
        """See ``Store``."""
        (self._work / "parts" / external).unlink(missing_ok=True)
        self._note(external).unlink(missing_ok=True)

    def look(self, external: str) -> StoredImage | None:
        """See ``Store``."""
        try:
            tag = json.loads(self._tag(external).read_bytes())
            identifier, digest = str(tag["identifier"]), str(tag["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        for path, visible in (
            (self._path / external, True),
            *((one, False) for one in self._hidden(external)),
        ):
            if path.is_file():
                return StoredImage(external, identifier, digest, visible, path.stat().st_size)
        return None

    def fetches(self, facts: ImageProperties, url: str) -> bool:
        """A folder fetches nothing."""
        return False

    def fetch(
        self, external: str, facts: ImageProperties, url: str, find_stop: Callable[[], str | None]
    ) -> None:
        """A folder fetches nothing."""
        raise StoreError(f"store {self.name} fetches nothing by itself")

    def content(self, external: str, most: int | None = None) -> Iterator[bytes]:
        """See ``Store``."""
        left = most
        try:
            for chunk in file_chunks(self._where(external)):
                yield chunk if left is None else chunk[:left]
                if left is not None and (left := left - len(chunk)) <= 0:
                    return
        except OSError as error:
            raise self._error(error) from error

    def proven(self, external: str, digest: str) -> str | None:
        """A folder makes no digests."""
        return None

    def show(self, external: str) -> None:
        """See ``Store``."""
        final = self._path / external
        try:
            if not final.is_file():
                found = self._where(external)
                found.chmod(0o644)
                found.replace(final)
                _sync(found.parent)
            _sync(self._path)
            # What another location sent in its place is worth nothing any more.
            for rest in (*self._hidden(external), self._note(external)):
                rest.unlink(missing_ok=True)
        except OSError as error:
            raise self._error(error) from error

    def hide(self, external: str) -> None:
        """See ``Store``."""
        self._move(external, "withdrawn")

    def quarantine(self, external: str) -> None:
        """See ``Store``."""
        self._move(external, "quarantine")

    def remove(self, external: str) -> None:
        """See ``Store``."""
        try:
            for path in (self._path / external, *self._hidden(external), self._note(external)):
                path.unlink(missing_ok=True)
            _sync(self._path)
            # The tag goes last: what carries one is found again.
            self._tag(external).unlink(missing_ok=True)
        except OSError as error:
            raise self._error(error) from error

    def ours(self) -> Iterable[StoredImage]:
        """See ``Store``."""
        folder = self._work / "tags"
        names = (
            sorted(one.name.removesuffix(".json") for one in folder.glob("*.json")) if folder.is_dir() else []
        )
        for external in names:
            found = self.look(external)
            if found is not None:
                yield found

    def key(self, external: str) -> str:
        """See ``Store``."""
        return f"path:{self._path / external}"

    def about(self) -> str:
        """See ``Store``."""
        free = shutil.disk_usage(self._path).free if self._path.exists() else 0
        return f"{self._path}, {free >> 30} GiB free"

    def path(self, external: str) -> Path | None:
        """See ``Store``."""
        return self._path / external

    def _make_folders(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._work.mkdir(exist_ok=True, mode=0o700)
        for name in ("parts", "withdrawn", "quarantine", "tags"):
            (self._work / name).mkdir(exist_ok=True, mode=0o700)

    def _verify_foreign(self, external: str) -> None:
        """A file of that name which is not ours stays as it is."""
        if (self._path / external).exists() and not self._tag(external).exists():
            raise StoreError(f"store {self.name}: {self._path / external} is there, and not of this site")

    def _hidden(self, external: str) -> list[Path]:
        return [self._work / folder / external for folder in ("parts", "withdrawn", "quarantine")]

    def _where(self, external: str) -> Path:
        for path in (self._path / external, *self._hidden(external)):
            if path.is_file():
                return path
        raise StoreError(f"store {self.name} has no {external}")

    def _move(self, external: str, folder: str) -> None:
        target = self._work / folder / external
        try:
            found = next(
                (one for one in (self._path / external, *self._hidden(external)) if one.is_file()), None
            )
            if found is not None and found != target:
                found.chmod(0o600)
                found.replace(target)
                _sync(found.parent)
            _sync(target.parent)
        except OSError as error:
            raise self._error(error) from error

    def _tag(self, external: str) -> Path:
        return self._work / "tags" / f"{external}.json"

    def _note(self, external: str) -> Path:
        return self._work / "parts" / f".{external}.note"

    def _error(self, error: OSError) -> StoreError:
        kind = StoreFullError if error.errno in _FULL else StoreError
        return kind(
            f"store {self.name}: {error.filename or self._path}: {(error.strerror or str(error)).lower()}"
        )


def _sync(folder: Path) -> None:
    """Make a rename or a removal in a folder last over a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
