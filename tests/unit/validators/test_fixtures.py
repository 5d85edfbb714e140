"""The documents of the original software: every one gets its verdict, and its values are read right."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketplace.sparql.triples import triples
from tests.conftest import SHARED_FIXTURES
from validators import accept
from validators.clock import verify_not_ahead
from validators.document import Strength, format_time
from validators.errors import RefusedError

VERDICTS = {Strength.STRONG: "accept", Strength.LEGACY: "accept-legacy"}

pytestmark = pytest.mark.fixtures


def listed(file: str) -> list[dict]:
    path = SHARED_FIXTURES / file
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def verdict(data: bytes) -> str:
    """As somebody gets it who verifies the document today."""
    try:
        entry = verify_not_ahead(accept(data), datetime.now(UTC))
    except RefusedError:
        return "reject"
    return VERDICTS[entry.strength]


@pytest.mark.parametrize("case", listed("vectors/cases.json"), ids=lambda case: case["file"])
def test_every_vector_gets_its_verdict(case: dict, shared_fixtures: Path) -> None:
    data = (shared_fixtures / "vectors" / case["file"]).read_bytes()
    assert verdict(data) == case["expect"], case["why"]


@pytest.mark.parametrize("said", listed("corpus/manifest.json"), ids=lambda said: said["file"])
def test_every_document_of_the_corpus_is_accepted_as_legacy_and_read_right(
    said: dict, shared_fixtures: Path
) -> None:
    entry = accept((shared_fixtures / "corpus" / said["file"]).read_bytes())
    assert entry.strength is Strength.LEGACY
    metadata = entry.metadata
    read = {
        "identifier": entry.identifier,
        "email": entry.endorser.email,
        "created": format_time(entry.created),
        "subject": entry.endorser.subject,
        "issuer": entry.endorser.issuer,
        "valid": format_time(metadata.valid) if metadata.valid else None,
        "sha1": next(c.value.lower() for c in metadata.checksums if c.algorithm == "SHA-1"),
        "locations": list(metadata.locations),
        "tags": list(metadata.tags),
        "os": metadata.os,
        "osversion": metadata.os_version,
        "arch": metadata.os_arch,
        "kind": metadata.kind,
        "format": metadata.format,
        "version": metadata.version,
        "title": metadata.title,
        "description": metadata.description,
    }
    assert read == {key: said[key] for key in read}
    assert ("deprecated" in said["status"]) == (metadata.deprecated is not None) or not said["latest"]


@pytest.mark.parametrize("said", listed("corpus/manifest.json"), ids=lambda said: said["file"])
def test_the_statements_of_the_corpus_are_those_of_the_entry(said: dict, shared_fixtures: Path) -> None:
    data = (shared_fixtures / "corpus" / said["file"]).read_bytes()
    about = f"<http://mp.stratuslab.eu/#{said['identifier']}>"
    titles = {
        statement.object.value
        for statement in triples(data)
        if str(statement.subject) == about and statement.predicate.value == "http://purl.org/dc/terms/title"
    }
    assert said["title"] in titles or said["title"] is None


def test_the_fixtures_are_there_or_their_absence_is_said(shared_fixtures: Path) -> None:
    assert listed("vectors/cases.json")
    assert listed("corpus/manifest.json")
