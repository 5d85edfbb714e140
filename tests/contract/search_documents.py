"""Documents in an index of one log, and what is found among them."""

from __future__ import annotations

from typing import Any

import pytest
from pyroaring import BitMap

from marketplace.search.document import SearchDocument
from marketplace.search.engine import (
    CurrentKeys,
    Equals,
    IndexBatch,
    Position,
    SearchEngine,
    SearchIndex,
)
from marketplace.search.words import SearchField, parse_words

IDENTIFIER = "MMZu9WvwKIro-rtBQfDk4PsKO7_"


def document(key: int, **values: Any) -> SearchDocument:
    given: dict[str, Any] = {
        "identifier": "A" * 26 + "bcdefghijklmnop"[key % 15],
        "email": "someone@nowhere.test",
        **values,
    }

    def texts(*names: str) -> list[str]:
        return [given[name] for name in names if name in given]

    fields = {
        SearchField.TITLE: texts("title"),
        SearchField.DESCRIPTION: texts("description"),
        SearchField.OS: [" ".join(texts("os", "os_version"))],
        SearchField.TAG: given.get("tags", ()),
        SearchField.ENDORSER: texts("email", "subject"),
        SearchField.IDENTIFIER: texts("identifier"),
        SearchField.PUBLISHER: texts("publisher"),
    }
    return SearchDocument(key, fields, [*texts("arch", "kind", "version"), *given.get("further", ())])


def put(
    index: SearchIndex, *documents: SearchDocument, forget: tuple[int, ...] = (), sequence: int = 1
) -> None:
    index.apply(IndexBatch(documents, forget, Position(sequence, "e" * 64, True)))


def everything() -> CurrentKeys:
    """All entries of these tests; nothing that was known of them before counts."""
    return CurrentKeys(BitMap(range(1, 3000)), object())


def best(index: SearchIndex, typed: str, limit: int = 10, last: float | None = None) -> list[Equals]:
    query = parse_words(typed)
    assert query is not None
    matches = index.match(query, everything())
    return matches.best(matches.keys, limit, last)


@pytest.fixture
def index(engine: SearchEngine) -> SearchIndex:
    return engine.open("public")


@pytest.fixture
def library(index: SearchIndex) -> SearchIndex:
    """Entries that differ in one thing each."""
    put(
        index,
        document(1, title="Ubuntu Server", description="A base image", os="ubuntu", os_version="14.04"),
        document(2, title="CentOS with Ubuntu tools", description="Server parts, and a base", os="centos"),
        document(3, title="Straße nach Łódź", description="Ångström crème brûlée ﬁne", publisher="ACME"),
        document(4, title="虚拟机镜像 大全", tags=("latest stable", "nightly"), arch="x86_64", kind="qcow2"),
        document(5, identifier=IDENTIFIER, email="alice.b@example.org", subject="CN=Bob Builder,O=Works"),
        document(6, title="Nested", further=("blastn 2.2.30", "sequence alignment")),
        document(7, title="foo foo bar", description="bar foo"),
    )
    return index
