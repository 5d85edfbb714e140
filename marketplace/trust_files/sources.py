"""Where the files are: a file, a directory as OpenSSL and IGTF keep them, or a pattern."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from validators.links import MaterialError

#: Largest file that is read, in bytes: revocation lists of national authorities have some megabytes.
MAX_FILE_BYTES = 64 * 2**20
#: Most files of one source.
MAX_FILES = 10_000

_HASHED_CERTIFICATE = re.compile(r".+\.[0-9]+")
_HASHED_LIST = re.compile(r".+\.r[0-9]+")
_CERTIFICATE_ENDINGS = (".pem", ".crt", ".cer", ".der", ".p12", ".pfx")
_LIST_ENDINGS = (".crl",)


def is_certificate_name(name: str) -> bool:
    """Whether a file in a directory of anchors is taken for certificates: ``*.0``, ``*.pem`` and such."""
    return bool(_HASHED_CERTIFICATE.fullmatch(name)) or name.lower().endswith(_CERTIFICATE_ENDINGS)


def is_list_name(name: str) -> bool:
    """Whether a file in a directory is taken for revocation lists: ``*.r0``, ``*.crl``."""
    return bool(_HASHED_LIST.fullmatch(name)) or name.lower().endswith(_LIST_ENDINGS)


def find_anchor_files(source: str) -> list[Path]:
    """The files of certificates that a source names.

    Raises:
        MaterialError: it is not there or holds none.
    """
    return _find(source, is_certificate_name)


def find_list_files(source: str) -> list[Path]:
    """The files of revocation lists that a source names.

    Raises:
        MaterialError: it is not there or holds none.
    """
    return _find(source, is_list_name)


def _find(source: str, is_wanted: Callable[[str], bool]) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        return _distinct(source, [one for one in _children(path) if is_wanted(one.name)])
    return _distinct(source, [path] if path.is_file() else _matches(source))


def find_revocation_lists(anchors: Sequence[str]) -> list[Path]:
    """Revocation lists in the directories of the anchors, where IGTF distributions put them."""
    found = []
    for source in anchors:
        path = Path(source)
        if path.is_dir():
            found += [one for one in _children(path) if is_list_name(one.name)]
    return found


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        MaterialError: it cannot be read, or is too large to be what it should be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise MaterialError(f"cannot be read ({error.strerror})") from None
    if len(data) > MAX_FILE_BYTES:
        raise MaterialError(f"is larger than {MAX_FILE_BYTES} bytes")
    return data


def _children(directory: Path) -> list[Path]:
    try:
        return sorted(one for one in directory.iterdir() if one.is_file())
    except OSError as error:
        raise MaterialError(f"cannot be listed ({error.strerror})") from None


def _matches(pattern: str) -> list[Path]:
    if glob.has_magic(pattern):
        found = sorted(glob.glob(pattern))  # noqa: PTH207  # Path.glob takes no absolute patterns
        return [path for path in map(Path, found) if path.is_file()]
    return []


def _distinct(source: str, paths: list[Path]) -> list[Path]:
    # Directories in the OpenSSL style name each certificate twice, once by a link with its hash.
    found = list({one.resolve(): one for one in paths}.values())
    if not found:
        there = (
            "holds no file of the kind" if Path(source).exists() or glob.has_magic(source) else "is not there"
        )
        raise MaterialError(there)
    if len(found) > MAX_FILES:
        raise MaterialError(f"names {len(found)} files, at most {MAX_FILES} are read")
    return found
