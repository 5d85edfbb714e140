"""Documents of the original software, and such as are made like them: verdicts, and what is read of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketplace.sparql.triples import triples
from tests.conftest import SHARED_FIXTURES
from tests.factories.originals import cases, manifest
from validators import accept
from validators.clock import verify_not_ahead
from validators.document import Strength, format_time
from validators.errors import RefusedError

VERDICTS = {Strength.STRONG: "accept", Strength.LEGACY: "accept-legacy"}


def listed(file: str) -> list[dict]:
    path = SHARED_FIXTURES / file
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def sets(made: list[dict], file: str) -> pytest.MarkDecorator:
    """Each of the cases that are made here, then each of the original ones."""
    return pytest.mark.parametrize(
        ("folder", "said"),
        [
            *(pytest.param("made_alike", one, id=f"made-{one['file']}") for one in made),
            *(pytest.param("shared_fixtures", one, id=one["file"]) for one in listed(file)),
        ],
    )


VECTORS = sets(cases(), "vectors/cases.json")
CORPUS = sets(manifest(), "corpus/manifest.json")


def verdict(data: bytes) -> tuple[str, str | None]:
    """As somebody gets it who verifies the document today, with the code of a refusal."""
    try:
        entry = verify_not_ahead(accept(data), datetime.now(UTC))
    except RefusedError as error:
        return "reject", error.code
    return VERDICTS[entry.strength], None


@VECTORS
def test_every_vector_gets_its_verdict(folder: str, said: dict, request: pytest.FixtureRequest) -> None:
    found, code = verdict((request.getfixturevalue(folder) / "vectors" / said["file"]).read_bytes())
    assert (found, said.get("code", code)) == (said["expect"], code), said["why"]


@CORPUS
def test_every_document_of_the_corpus_is_accepted_as_legacy_and_read_right(
    folder: str, said: dict, request: pytest.FixtureRequest
) -> None:
    entry = accept((request.getfixturevalue(folder) / "corpus" / said["file"]).read_bytes())
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


@CORPUS
def test_the_statements_of_the_corpus_are_those_of_the_entry(
    folder: str, said: dict, request: pytest.FixtureRequest
) -> None:
    data = (request.getfixturevalue(folder) / "corpus" / said["file"]).read_bytes()
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
