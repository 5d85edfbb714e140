"""Read-only copies of the store that queries read while the store is written.

One process may open the store to write, and reading it from another meanwhile
is undefined. So after each batch the writer makes a checkpoint, which is a
directory of hard links and takes milliseconds, and turns a symbolic link to it.
Readers hold a shared lock on the generation they read; the writer removes the
others that nobody holds. Locks end with their process, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


class Generation:
    """One copy, locked against removal until ``release`` or the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the copy be removed; call it once, after closing everything inside."""
        os.close(self._descriptor)


class Generations:
    """The copies in a directory, of which one is current.

    Args:
        directory: the writer's; created by ``publish``.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._link = directory / "current"

    def publish(self, write: Callable[[Path], None]) -> None:
        """Make a new copy the current one and remove old ones. Only one process may do this.

        Args:
            write: makes the copy at the path it is given, which does not exist yet.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        number = max((int(path.name) for path in self._copies()), default=0) + 1
        copy = self._directory / str(number)
        try:
            write(copy)
            turned = self._directory / "next"
            turned.unlink(missing_ok=True)
            turned.symlink_to(copy.name)
            turned.replace(self._link)
        except BaseException:  # also when interrupted: copies that nobody reads would fill the disk
            shutil.rmtree(copy, ignore_errors=True)
            raise
        self.sweep()

    def withdraw(self) -> None:
        """Have no current copy: what was published is no longer to be read."""
        self._link.unlink(missing_ok=True)
        self.sweep()

    def find_current(self) -> Path | None:
        """The path of the current copy, or None where nothing was published."""
        try:
            return self._directory / self._link.readlink()
        except FileNotFoundError:
            return None

    def acquire(self) -> Generation | None:
        """Lock the current copy and return it, or None where nothing was published."""
        while (path := self.find_current()) is not None:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue  # the link was turned between two looks
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return Generation(path, descriptor)
            except FileNotFoundError:
                pass  # removed before the lock was had: there is a newer one
            os.close(descriptor)
        return None

    def sweep(self) -> None:
        """Remove every copy that is neither current nor held."""
        current = self.find_current()
        for path in self._copies():
            if path != current:
                _remove_unheld(path)

    def _copies(self) -> list[Path]:
        if not self._directory.is_dir():
            return []
        return [path for path in self._directory.iterdir() if path.name.isdecimal()]


def _remove_unheld(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    except BlockingIOError:
        pass  # a query reads it; the next sweep comes with the next batch
    finally:
        os.close(descriptor)
