"""Revocation lists that were in force, kept in the database.

A list whose file vanishes while no process runs would otherwise take its
revocations with it. Only an operator makes the site forget one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.models import RememberedList
from validators.links import MaterialError
from validators.revocation import RevocationList, parse_list


class StoredCrls:
    """The lists that a database remembers, by the files they came from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recall(self) -> dict[Path, list[RevocationList]]:
        """Every remembered list.

        Raises:
            MaterialError: they cannot be read.
        """
        found: dict[Path, list[RevocationList]] = {}
        try:
            with self._database.read() as session:
                rows = session.execute(
                    select(RememberedList.path, RememberedList.der).order_by(RememberedList.id)
                ).all()
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error
        for path, der in rows:
            found.setdefault(Path(path), []).append(parse_list(der))
        return found

    def paths(self) -> set[Path]:
        """The files of the remembered lists.

        Raises:
            MaterialError: they cannot be read.
        """
        try:
            with self._database.read() as session:
                return set(map(Path, session.scalars(select(RememberedList.path))))
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error

    def remember(self, lists: Mapping[Path, Sequence[RevocationList]], dropped: Collection[Path]) -> None:
        """Make the database remember what these files hold now.

        Args:
            dropped: files whose lists no longer count. What other processes remember stays.

        Raises:
            MaterialError: it cannot be written.
        """
        try:
            with self._database.write() as session:
                held = select(RememberedList.path, RememberedList.digest)
                known = {(Path(path), digest) for path, digest in session.execute(held)}
                wanted = {(path, one.digest): one for path, several in lists.items() for one in several}
                for path, digest in known - wanted.keys():
                    if path in lists or path in dropped:
                        session.execute(
                            delete(RememberedList).where(
                                RememberedList.path == str(path), RememberedList.digest == digest
                            )
                        )
                for path, digest in sorted(wanted.keys() - known):
                    der = wanted[path, digest].crl.public_bytes(Encoding.DER)
                    session.execute(insert(RememberedList).values(path=str(path), digest=digest, der=der))
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error


def forget_lists(session: Session, name: str) -> list[Path]:
    """Forget the lists of files with a path or a name.

    Returns:
        the files.
    """
    paths = map(Path, session.scalars(select(RememberedList.path).distinct()))
    found = sorted(path for path in paths if name in (str(path), path.name))
    for path in found:
        session.execute(delete(RememberedList).where(RememberedList.path == str(path)))
    return found


def _unavailable(error: Exception) -> MaterialError:
    return MaterialError(f"the database does not tell which revocation lists it remembers ({error})")
