"""The allow-list: endorsers a site knows by the names in their certificates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from validators.distinguished import Name, parse_name
from validators.links import MaterialError

#: Largest list that is read, in lines.
MAX_LINES = 100_000


@dataclass(frozen=True, slots=True)
class AllowList:
    """Names, each in either order of its parts.

    A name alone proves nothing: anybody can write it into a certificate of his own
    making. It counts once a trusted authority has certified it.
    """

    names: frozenset[Name] = frozenset()

    @property
    def digest(self) -> str:
        """The digest of the list."""
        written = sorted(str([sorted(rdn) for rdn in name]) for name in self.names)
        return hashlib.sha256("\n".join(written).encode()).hexdigest()

    @property
    def size(self) -> int:
        """How many names it has, each counted once however it is ordered."""
        palindromes = sum(name == name[::-1] for name in self.names)
        return (len(self.names) + palindromes) // 2

    def __contains__(self, name: object) -> bool:
        return name in self.names


def parse_allow_list(data: bytes) -> AllowList:
    """Read a list with a name on each line, in any common spelling; ``#`` begins a comment line.

    Raises:
        MaterialError: naming every line that is no name.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise MaterialError("is not UTF-8") from None
    if len(lines) > MAX_LINES:
        raise MaterialError(f"has {len(lines)} lines, at most {MAX_LINES} are read")
    names: set[Name] = set()
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            names |= parse_name(line)
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    if faults:
        raise MaterialError("; ".join(faults[:20]))
    return AllowList(frozenset(names))
