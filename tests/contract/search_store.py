"""Puts entries into logs for the tests of search, as an import would."""

from __future__ import annotations

from collections.abc import Sequence

from pyroaring import BitMap
from sqlalchemy import insert

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.models import EventState, Log
from marketplace.search.engine import CurrentKeys, SearchIndex
from marketplace.search.words import parse_words
from tests.factories.entries import accepted, moment
from tests.factories.storing import delete_all, imports, take_all
from validators.document import AcceptedEntry

GROUP = "group:g"
NOW = moment(1000)


def empty(database: Database) -> None:
    """Leave two empty logs and nothing else."""
    with database.write() as session:
        delete_all(session)
        session.execute(insert(Log).values(name=PUBLIC, next_sequence=0))
        session.execute(insert(EventState).values(id=1, next_number=0))
        ChangeLog(session).create(GROUP)


def add(database: Database, entries: Sequence[AcceptedEntry], log: str = PUBLIC) -> None:
    """Append entries to a log."""
    with database.write() as session:
        take_all(session, imports(entries, log), NOW)


def entry(image: object = "image", second: int = 0, extension: str = "", **said: object) -> AcceptedEntry:
    """An entry whose body is XML; ``extension`` stands in an element of its own namespace."""
    email = str(said.pop("email", "jane@example.org"))
    body = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="urn:x">'
        f"<rdf:Description><!-- {image} {second} {email} {sorted(said.items())} -->"
        f"<x:tool><x:name>{extension}</x:name></x:tool></rdf:Description></rdf:RDF>"
    )
    return accepted(image, email, moment(second), data=body.encode(), **said)


def count_documents(index: SearchIndex) -> int:
    """How many entries an index holds."""
    query = parse_words("-nothing")
    assert query is not None
    return len(index.match(query, CurrentKeys(BitMap(range(1, 10_000)), object())).keys)
