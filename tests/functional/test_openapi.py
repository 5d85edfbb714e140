"""The OpenAPI document against a running server, and the server against the document."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest

from marketplace.access import Scope
from marketplace.routes import ROUTES
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import issue_token
from tests.functional.running import RunningServer, running_server
from validators import accept

HERE = Path(__file__).parent
ALICE = make_identity(email="alice@example.org")
#: What the run found, kept for whoever wants to see it.
REPORT = HERE.parent.parent / "build" / "schemathesis.txt"
#: Seconds; the run takes about a tenth.
PATIENCE = 580


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("openapi")) as running:
        with running.client() as client:
            for n in range(3):
                draft = image(content=f"openapi {n}", title=f"Image {n}", tags=("lts",), os="debian")
                answer = client.post(
                    "/metadata",
                    content=signed(draft, ALICE, created=f"2024-05-{n + 1:02}T12:00:00Z"),
                    headers={"Content-Type": "application/rdf+xml"},
                )
                assert answer.status_code == 201, answer.text
        yield running


@pytest.fixture(scope="module")
def document(site) -> dict:
    with site.client() as client:
        return client.get("/openapi.json").json()


def test_the_server_does_what_the_document_says(site, document, tmp_path):
    """Schemathesis with all checks: the boundaries of every parameter, made-up requests, and sequences."""
    known = tmp_path / "openapi.json"
    known.write_text(json.dumps(with_examples(document)))
    # Strangers only get 401 from these, whatever else is wrong.
    secured = [
        told["operationId"]
        for methods in document["paths"].values()
        for told in methods.values()
        if "security" in told
    ]
    schemathesis(known, site, *(f"--exclude-operation-id={one}" for one in secured))


def schemathesis(known: Path, site: RunningServer, *options: str) -> None:
    run = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml",
            "run", known, "--url", site.url, "--checks", "all", "--no-color", *options,
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=known.parent,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.functional.schemathesis_hooks",
             "PYTHONPATH": str(HERE.parent.parent)},
    )  # fmt: skip
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_needs_a_token_does_what_the_document_says(site, document, tmp_path):
    """The same for the operations that strangers only get 401 from, as an administrator."""
    ours = re.compile(r"/api/v1/(tokens|groups|audit)")
    paths = {path: told for path, told in document["paths"].items() if ours.match(path)}
    assert len(paths) == 6
    known = tmp_path / "openapi.json"
    known.write_text(json.dumps(with_examples({**document, "paths": paths})))
    secret = issue_token(site, "boss@example.org", [Scope.ADMIN])
    # It follows links from lists to what may be done with their items, and would revoke its own token.
    spared = ("--exclude-operation-id", "api.token.delete")
    schemathesis(known, site, "-H", f"Authorization: Bearer {secret}", *spared)


def with_examples(document: dict) -> dict:
    """The document with parts of paths that exist on this server."""
    entry = accept(signed(image(content="openapi 0"), ALICE, created="2024-05-01T12:00:00Z"))
    known = {
        "identifier": entry.identifier,
        "email": "alice@example.org",
        "created": "2024-05-01T12:00:00Z",
        "tag": "lts",
        "id": entry.entry_id,
        "token": "0123456789abcdef",
        "webhook": "0123456789abcdef",
        "event": "evt_0123456789abcdef01234567",
        "group": "lab",
        "view": "default",
        "member": "alice@example.org",
        "peer": "1",
        "site": "lab-orsay",
        "action": "disable",
        "log": "public",
        "name": "000",
        "level": "0",
        "prefix": "00",
        "longer": "0000",
        "digest": "0" * 64,
    }
    known |= {"first": known["identifier"], "second": known["email"], "third": known["created"]}
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    parameter["example"] = known[parameter["name"]]
    return document


def test_the_document_describes_every_route_of_the_api(document):
    described = {
        operation["operationId"] for path in document["paths"].values() for operation in path.values()
    }
    for route in ROUTES:
        # Pages for people are no part of what it describes, nor is the table protocol by POST.
        programs = route.name.startswith(("api.", "fed.", "health.", "web.entr", "web.endorser", "web.query"))
        if programs and route.name not in ("api.docs", "api.docs.topic", "web.entry.publish"):
            for method in route.methods:
                assert f"{route.name}.{method.lower()}" in described


def test_the_document_names_every_answer_to_an_upload(document):
    told = document["paths"]["/metadata"]["post"]["responses"]
    assert set(told) >= {"201", "202", "400", "401", "403", "404", "409", "410", "413", "415", "429", "503"}
    assert "410" in document["paths"]["/metadata/{first}/{second}/{third}"]["get"]["responses"]


def test_headers_that_are_too_long_are_told_as_any_error_of_the_api(site):
    for path, kind in (
        ("/api/v1/entries", "application/problem+json"),
        ("/fed/v1/bodies", "application/problem+json"),
        ("/metadata", "application/xml"),
    ):
        with site.client() as client:
            answer = client.get(path, headers={"X-Long": "a" * 20_000})
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (431, kind)
        if kind.endswith("json"):
            problem = answer.json()
            assert (problem["status"], problem["code"]) == (431, "http.header-size")
            assert problem.keys() >= {"type", "title", "detail", "request_id"}


def test_schemas_are_schemas(document):
    for name, schema in document["components"]["schemas"].items():
        (
            jsonschema_rs.meta.validate(
                {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
            ),
            name,
        )


def test_the_document_is_cached_by_its_tag(site):
    with site.client() as client:
        first = client.get("/openapi.json")
        again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert first.headers["Content-Type"].startswith("application/json")
    assert first.json()["servers"] == [{"url": site.url}]
    assert (again.status_code, again.content) == (304, b"")


def test_two_shapes_never_have_one_name(document):
    # Of two with one name both get names with the paths of their modules in them.
    assert [name for name in document["components"]["schemas"] if not name.isalpha()] == []
