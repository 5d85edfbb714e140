"""A store whose catalogue is kept on disk."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue import Catalogue
from marketplace.catalogue.order import SortKey
from marketplace.catalogue.snapshot import NAME, CatalogueSnapshot
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.facets import Facet
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.models.base import to_seconds
from marketplace.rules.columns import Column, Direction
from marketplace.rules.visibility import find_scope
from tests.contract.judging import hold, verdict
from tests.contract.search_store import GROUP, NOW, add, empty
from tests.factories.entries import accepted, moment, signer
from validators.document import AcceptedEntry, Strength
from validators.verdict import Standing

IMAGES = 60

MEMBER = Principal("member", frozenset({PUBLIC, GROUP}))

WORDS = ("ubuntu", "secret", "22.04", "image7", "erased", "x86")


def said(number: int, second: int = 0, **more: Any) -> AcceptedEntry:
    chance = random.Random(number)
    email = f"{chance.choice(('ann', 'bob', 'eve'))}@x.org"
    told: dict[str, Any] = {
        "signed_by": signer(f"key{chance.randrange(3)}", email=email),
        "title": chance.choice((None, f"Ubuntu image{number}", "\u00dcbuntu 22.04")),
        "os": chance.choice(("Ubuntu", "UBUNTU ", "Debian")),
        "os_arch": chance.choice(("x86_64", "amd64", None)),
        "tags": tuple(chance.sample(("lts", "small", "nightly"), number % 3)),
        "valid": chance.choice((None, moment(500), moment(5000))),
        "strength": chance.choice((Strength.STRONG, Strength.LEGACY)),
    }
    return accepted(number, email, moment(second), **told | more)


@pytest.fixture
def store(database: Database) -> Database:
    """Sixty images of three endorsers in two logs, some in both, and verdicts on their keys."""
    empty(database)
    add(database, [said(number) for number in range(IMAGES)])
    add(database, [said(number) for number in range(10)], GROUP)
    add(database, [said(number, 1, title="secret") for number in range(5, 15)], GROUP)
    # Two keys speak about one image, and one statement stands under two certificates.
    add(database, [said(7, 3, signed_by=signer("other"))])
    add(database, [said(20, 2, signed_by=signer(name), statement="5" * 64) for name in ("one", "two")])
    hold(database, {"key0": verdict(Standing.CHAINED), "key1": verdict(Standing.SELF_SIGNED)})
    CurrentRefresh(database).refresh()
    return database


def snapshot(database: Database, directory: Path, catalogue: Catalogue | None = None) -> CatalogueSnapshot:
    return CatalogueSnapshot(database, catalogue or Catalogue(), directory, least=1)


def keep(database: Database, directory: Path) -> Path:
    """Write the file as a process does that has read everything."""
    catalogue = Catalogue()
    writing = snapshot(database, directory, catalogue)
    assert not writing.restore()
    read_up(database, catalogue)
    assert writing.store()
    return directory / NAME


def read_up(database: Database, catalogue: Catalogue) -> None:
    with database.read() as session:
        catalogue.catch_up(session, find_scope(session, MEMBER))


def told(database: Database, catalogue: Catalogue) -> dict[str, object]:
    """Everything that a catalogue says to readers of the public log, and of both."""
    now, answers = to_seconds(NOW), dict[str, object]()
    for reader in (ANONYMOUS, MEMBER):
        with database.read() as session, catalogue.look(session, find_scope(session, reader)) as view:
            shown = view.shown
            answers |= {
                f"{reader.name} shown": (list(shown), view.by_log(shown), view.with_twins(shown)),
                f"{reader.name} facets": [
                    [
                        (value, count, view.label(facet, value))
                        for value, count in view.count(facet, shown, now, 99)
                    ]
                    for facet in Facet
                ],
                f"{reader.name} orders": [
                    [view.walk(by, direction, shown, None, 99) for direction in Direction] for by in SortKey
                ],
                f"{reader.name} words": [
                    catalogue.find(column, word, shown) for word in WORDS for column in (None, Column.OS)
                ],
                f"{reader.name} suggested": view.similar("ubumtu", 5),
            }
    return answers | {"size": catalogue.size()}
