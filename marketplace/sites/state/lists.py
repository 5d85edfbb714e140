"""Revocation lists that were in force, kept over a restart: a file that vanishes takes nothing back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from marketplace.sites.errors import StateError
from marketplace.sites.state.database import StateDatabase
from validators.links import MaterialError
from validators.revocation import RevocationList, parse_list


class SiteLists:
    """The ``ListMemory`` of a site."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def recall(self) -> dict[Path, list[RevocationList]]:
        """See ``ListMemory``."""
        found: dict[Path, list[RevocationList]] = {}
        try:
            for path, der in self._database.rows(
                "SELECT path, der FROM revocation_list ORDER BY path, digest"
            ):
                found.setdefault(Path(path), []).append(parse_list(der))
        except StateError as error:
            raise MaterialError(str(error)) from error
        return found

    def paths(self) -> set[Path]:
        """See ``ListMemory``."""
        return set(self.recall())

    def remember(self, lists: Mapping[Path, Sequence[RevocationList]], dropped: Collection[Path]) -> None:
        """See ``ListMemory``."""
        try:
            with self._database.write():
                for path in {*lists, *dropped}:
                    self._database.run("DELETE FROM revocation_list WHERE path = ?", (str(path),))
                for path, several in lists.items():
                    for one in several:
                        self._database.run(
                            "INSERT OR IGNORE INTO revocation_list (path, digest, der) VALUES (?, ?, ?)",
                            (str(path), one.digest, one.crl.public_bytes(Encoding.DER)),
                        )
        except StateError as error:
            raise MaterialError(str(error)) from error
