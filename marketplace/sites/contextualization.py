"""Reads the context of a machine as StratusLab, OpenNebula and HEPiX made it: a small disk with shell files.

``context.sh`` assigns variables, ``prolog.sh`` and ``epilog.sh`` are programs of HEPiX. Nothing of it is
run here. A disk is read by a program of the system, into a folder of its own.
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from marketplace.sites.errors import SiteError

#: A folder that is a context has at least one of these.
_KNOWN: Final = ("context.sh", "prolog.sh", "epilog.sh")
#: Variables that hold user data for cloud-init, in the order in which they count.
_USER_DATA: Final = ("EC2_USER_DATA", "USER_DATA")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
#: A piece of a word of a shell script, and a word that is in no comment. No two of the choices begin with the
#: same character, so that nothing is tried twice.
_PIECE = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\;&|]""", re.DOTALL)
_WORD = re.compile(rf"#[^\n]*|(?:{_PIECE.pattern})+", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_FILES: Final = 64
_MOST_BYTES: Final = 16 << 20
_PATIENCE: Final = 60.0


class ContextError(SiteError, code="site.context"):
    """What was given is no context, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Context:
    """A context that is there already.

    Args:
        files: by name.
        variables: what ``context.sh`` assigns; it may hold passwords.
    """

    files: Mapping[str, bytes] = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)

    @property
    def user_data(self) -> bytes | None:
        """The user data for cloud-init; None where the context has none."""
        for name in _USER_DATA:
            value = self.variables.get(name)
            if value:
                return _decoded(value)
        return None


def read_context(source: Path) -> Context:
    """Read a context.

    Args:
        source: a folder, or the image of a disk (ISO 9660).

    Raises:
        ContextError: it is none, or more than a context has.
    """
    if source.is_dir():
        return _read_folder(source, str(source))
    if not source.is_file():
        raise ContextError(f"{source}: there is no such disk or folder")
    if source.stat().st_size > _MOST_BYTES:
        raise ContextError(f"{source} has more than {_MOST_BYTES >> 20} MiB: this is not a context")
    program = shutil.which("xorriso")
    if program is None:
        raise ContextError("reading a disk needs xorriso (Debian: xorriso); or give a folder")
    with tempfile.TemporaryDirectory(prefix="context-") as folder:
        target = Path(folder) / "files"
        try:
            done = subprocess.run(  # noqa: S603  # an argument list of ours
                [program, "-osirrox", "on", "-indev", f"stdio:{source.absolute()}", "-extract", "/", target],
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise ContextError(f"{source} was not read within {_PATIENCE:.0f} s") from None
        if done.returncode != 0 or not target.is_dir():
            raise ContextError(f"{source} is not a disk that xorriso can read (ISO 9660)")
        try:
            return _read_folder(target, str(source))
        finally:
            for one in (target, *target.rglob("*")):  # as the disk says; it has to be removed again
                if not one.is_symlink():
                    one.chmod(0o700)


def _read_folder(folder: Path, called: str) -> Context:
    files: dict[str, bytes] = {}
    left = _MOST_BYTES
    for path in sorted(folder.iterdir()):
        # A link would bring in a file of this machine.
        if path.is_symlink() or not path.is_file() or not _NAME.fullmatch(path.name):
            raise ContextError(f"{called}: {path.name!r} must be a plain file with a plain name")
        if len(files) == _MOST_FILES:
            raise ContextError(f"{called} has more than {_MOST_FILES} files: this is not a context")
        with path.open("rb") as stream:
            files[path.name] = stream.read(left + 1)
        left -= len(files[path.name])
        if left < 0:
            raise ContextError(f"{called} has more than {_MOST_BYTES >> 20} MiB: this is not a context")
    if not any(name in files for name in _KNOWN):
        raise ContextError(f"{called} is not a context: it has none of {', '.join(_KNOWN)}")
    return Context(files, _variables(files.get("context.sh", b"")))


def _variables(data: bytes) -> dict[str, str]:
    """What a shell would assign, without expanding anything; the last one of a name counts."""
    found = {}
    for match in _WORD.finditer(data.decode("utf-8", "replace")):
        assigned = _ASSIGNMENT.match(match[0])
        if assigned is not None:
            pieces = _PIECE.finditer(match[0], assigned.end())
            found[assigned[1]] = "".join(_unquoted(one[0]) for one in pieces)
    return found


def _unquoted(piece: str) -> str:
    if piece.startswith("'"):
        return piece[1:-1]
    if piece.startswith('"'):
        return re.sub(r'\\([$`"\\])', r"\1", piece[1:-1])
    return piece[1:] if piece.startswith("\\") else piece


def _decoded(value: str) -> bytes:
    """User data; OpenNebula writes it in base64."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return value.encode()
