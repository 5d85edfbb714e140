"""Every surface says the same of an image, whatever became of it.

One server holds an image in each state; every surface that shows images is asked about each. The
table of docs/verdicts.md is ``STATES`` written out: ``python -m tests.functional.test_verdict_table``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.storing import import_entry
from tests.functional.running import running_server
from tests.launching import COMMAND, ROOT, run_text
from tests.unit.trust.authorities import crl_bytes, root
from tests.waiting import wait_for
from validators import accept

PAGE = ROOT / "docs" / "verdicts.md"
BEGIN, END = (
    "<!-- states: written by tests/functional/test_verdict_table.py -->\n",
    "<!-- end of states -->\n",
)

AUTHORITY = root()
ALICE = make_identity("Alice", "alice@example.org", issuer=AUTHORITY)
BOB = make_identity("Bob", "bob@example.org", issuer=AUTHORITY)
RITA = make_identity("Rita", "rita@example.org", issuer=AUTHORITY)
MALLORY = make_identity("Mallory", "mallory@example.org")
STRANGER = make_identity("Stranger", "stranger@example.org", issuer=root("Other"))
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
TIME = "%Y-%m-%dT%H:%M:%SZ"


def at(hours: int) -> str:
    return (NOW + hours * HOUR).strftime(TIME)


@dataclass(frozen=True)
class State:
    """What is said about an image, and what every surface has to make of it.

    Args:
        says: who says what, and how many hours ago; the entry of the first one is the one asked about.
        allowed: the verdict.
        code: of its first reason.
        badge: what a line of a list shows of the entry that is asked about.
        status: of that entry.
        meaning: for the table.
    """

    says: tuple[tuple[object, int, dict[str, object]], ...]
    allowed: bool
    code: str | None
    badge: str
    status: str
    meaning: str


BAD = {"deprecated": "backdoor found"}
PAST = {"valid": at(-1)}
STATES = {
    "valid": State(((ALICE, 3, {}),), True, None, "allowed", "valid", "a trusted endorser endorses it"),
    "expired": State(((ALICE, 3, PAST),), False, "expired", "expired", "expired", "till a time that is past"),
    "deprecated": State(
        ((ALICE, 3, BAD),), False, "deprecated", "withdrawn", "deprecated", "its trusted endorser withdrew it"
    ),
    "superseded by valid": State(
        ((ALICE, 3, {}), (ALICE, 2, {"title": "Newer"})),
        True, None, "superseded", "superseded", "older; the newer one endorses it",
    ),
    "superseded by deprecated": State(
        ((ALICE, 3, {}), (ALICE, 2, BAD)),
        False, "deprecated", "superseded, withdrawn", "superseded", "older; the newer one withdrew it",
    ),
    "conflicting": State(
        ((ALICE, 3, {}), (BOB, 3, {"checksums": (("SHA-256", "0" * 64),)})),
        False, "conflict", "contradicted", "valid", "trusted endorsers name different files",
    ),
    "untrusted": State(
        ((MALLORY, 3, {}),), False, "untrusted", "not trusted", "valid", "a stranger endorses it: self-signed"
    ),
    "unknown authority": State(
        ((STRANGER, 3, {}),), False, "untrusted", "not trusted", "valid", "the same, by an unknown authority"
    ),
    "revoked": State(
        ((RITA, 3, {}),), False, "revoked", "revoked", "valid", "the endorser's certificate was revoked"
    ),
    "withdrawn by another": State(
        ((ALICE, 3, {}), (BOB, 2, BAD)),
        False, "deprecated", "withdrawn", "valid", "one trusted endorser endorses it, another withdrew it",
    ),
    "withdrawn by a stranger": State(
        ((ALICE, 3, {}), (MALLORY, 2, BAD)),
        True, None, "allowed", "valid", "a trusted endorser endorses it; a stranger withdrew it",
    ),
    "allowed by another": State(
        ((MALLORY, 3, {}), (ALICE, 2, {})),
        True, None, "not trusted", "valid", "a stranger's entry of an image that a trusted endorser allows",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A state at the server."""

    state: State
    identifier: str
    path: str
    current: str
    sha256: str


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trust")
    (folder / "root.pem").write_bytes(AUTHORITY.certificate_pem)
    (folder / "root.r0").write_bytes(
        crl_bytes(AUTHORITY, RITA, this_update=NOW - 24 * HOUR, next_update=NOW + 24 * HOUR)
    )
    with running_server(tmp_path_factory.mktemp("table"), trust_anchors=str(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def http(site):
    with site.client() as client:
        yield client


@pytest.fixture(scope="module")
def cases(site, http):
    """Every state, uploaded or (what the gate does not take) imported, and found by the search."""
    database = Database.open(site.database_url)
    ingest = IngestService(database, UploadPolicy())
    found = {}
    try:
        for name, state in STATES.items():
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            draft = image(content=name, title=name, checksums=(("SHA-256", sha256),))
            documents = [
                signed(draft.but(**said), who, created=at(-hours)) for who, hours, said in state.says
            ]
            for document in documents:
                import_entry(ingest, document)
            entries = [accept(one) for one in documents]
            own = [one for one in entries if one.endorser == entries[0].endorser]
            path = entries[0].coordinates.path()
            found[name] = Case(state, draft.about, path, own[-1].coordinates.path(), sha256)
    finally:
        ingest.close()
        database.close()
    total = sum(len({id(who) for who, *_ in one.says}) for one in STATES.values())
    everything = {"status": "all", "trust": "all", "limit": 1}
    wait_for(lambda: http.get("/api/v1/entries", params=everything).json()["total"] == total)
    wait_for(lambda: http.get("/readyz").status_code == 200)
    wait_for(lambda: b"not judged yet" not in http.get("/?status=all&trust=all&limit=100").content)
    return found


@pytest.fixture(params=STATES)
def case(request, cases) -> Case:
    return cases[request.param]


def codes(verdict):
    return [one["code"] for one in verdict["reasons"]]


def is_told(case: Case, allowed: object, code: object) -> None:
    assert (allowed, code) == (case.state.allowed, case.state.code)


def test_the_api(http, case):
    for path in (
        f"/api/v1/images/{case.identifier}/verdict",
        f"/api/v1/verdict?identifier={case.identifier}",
        f"/api/v1/verdict?entry={case.path}",
    ):
        verdict = http.get(path).json()
        is_told(case, verdict["allowed"], next(iter(codes(verdict)), None))
    by_checksum = http.get(f"/api/v1/verdict?checksum=sha256:{case.sha256}").json()
    assert by_checksum["allowed"] is case.state.allowed
    decision = http.get(f"/api/v1/entries/{case.path}/decision").json()
    assert (decision["allowed"], decision["status"]) == (case.state.allowed, case.state.status)
    entry = http.get(f"/api/v1/entries/{case.path}").json()
    assert entry["status"] == case.state.status
    is_told(case, entry["allowed"], entry["refusal"])


def test_lists_in_json(http, case):
    timeline = http.get(f"/api/v1/images/{case.identifier}").json()["entries"]
    line = next(one for one in timeline if one["links"]["signed"].endswith(case.path))
    assert line["status"] == case.state.status
    is_told(case, line["allowed"], line["refusal"])
    for path in ("/api/v1/entries", "/api/v1/search"):
        page = http.get(path, params={"status": "all", "trust": "all", "limit": 100}).json()
        lines = [one for one in page.get("entries", page.get("hits")) if one["identifier"] == case.identifier]
        assert lines
        for one in lines:
            is_told(case, one["allowed"], one["refusal"])


def test_pages(http, case):
    page = http.get(f"/metadata/{case.path}", params={"media": "html"}).text
    told = r'<div class="banner verdict (\w+)" role="note">[^§]*?<span dir="auto">(.*?)</span>'
    banner = re.search(told, page)
    assert banner is not None
    assert (banner[1] == "good") is case.state.allowed
    assert banner[2].startswith("Allowed") is case.state.allowed
    lead = "✓ You may start this image here." if case.state.allowed else "✗ Do not start this image."
    assert f"<strong>{lead}</strong>" in banner[0]
    assert "This site trusts this entry" not in page
    if case.state.code == "deprecated":
        assert banner[1] == "bad" and "backdoor found" in banner[2]
    image_page = http.get(f"/images/{case.identifier}").text
    assert ('<div class="banner verdict good"' in image_page) is case.state.allowed
    assert badge(image_page, case.path) == case.state.badge


def badge(page: str, path: str) -> str:
    """The first badge behind the link to an entry; search engines are told of it in the head."""
    behind = page.partition("</head>")[2].partition(path)[2]
    found = re.search(r"<details class=\"badge \w+\"><summary>([^<]*)", behind)
    assert found is not None
    return found[1]


def test_lists_for_people(http, case):
    """One verdict badge an entry; what is not current is in none of these lists."""
    if case.path != case.current:
        return
    email = case.path.split("/")[1]
    for path in (
        "/?status=all&trust=all&limit=100",
        f"/metadata?media=html&status=all&trust=all&identifier={case.identifier}&email={email}",
        f"/endorsers/{email}?media=html",
    ):
        assert badge(http.get(path).text, case.path) == case.state.badge, path


def test_the_feed(http, case):
    root_ = etree.fromstring(http.get("/api/v1/search.atom", params={"trust": "all", "limit": 100}).content)
    atom = "{http://www.w3.org/2005/Atom}"
    entries = {one.findtext(f"{atom}id").partition("#")[2]: one for one in root_.findall(f"{atom}entry")}
    entry = entries.get(case.current)
    if case.state.status == "expired":
        assert entry is None  # a feed without status= is of what is valid, and of recalls
        return
    term = entry.find(f"{atom}category").get("term")
    title = entry.findtext(f"{atom}title")
    withdrawn = case.state.code == "deprecated"
    assert term == ("allowed" if case.state.allowed else "withdrawn" if withdrawn else case.state.code)
    assert title.startswith("WITHDRAWN: ") is withdrawn
    if withdrawn:
        assert "backdoor found" in entry.findtext(f"{atom}summary")


def test_sparql(http, case):
    """What was signed: only what is current carries the tag "latest", and a withdrawal its reason."""
    resource = f"<http://mp.stratuslab.eu/#{case.path}>"
    query = (
        "PREFIX slterms: <http://mp.stratuslab.eu/slterms#> "
        f"SELECT ?tag ?why WHERE {{ OPTIONAL {{ {resource} slterms:tag ?tag }} "
        f"OPTIONAL {{ {resource} slterms:deprecated ?why }} }}"
    )

    def ask():
        answer = http.get("/query", params={"query": query, "media": "json"})
        return answer.json()["results"]["bindings"] if answer.status_code == 200 else [{}]

    current = case.path == case.current
    wait_for(lambda: any("tag" in one for one in ask()) is current)
    assert any("why" in one for one in ask()) is (case.state.status == "deprecated")


def test_the_original_lists(http, case):
    """Old clients see what they always saw: the status that the endorser gave, by the list asked for."""
    identifier, email, _ = case.path.split("/")
    told = {
        status: http.get(
            "/metadata", params={"identifier": identifier, "email": email, "status": status, "media": "json"}
        ).json()["iTotalDisplayRecords"]
        for status in ("valid", "deprecated", "expired")
    }
    withdrawn = case.state.status == "deprecated" or (case.current != case.path and not case.state.allowed)
    expected = "deprecated" if withdrawn else "expired" if case.state.status == "expired" else "valid"
    assert told == {status: int(status == expected) for status in told}


def test_the_command(site, case, tmp_path):
    def asked(*arguments):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
        environ = kept | {"MARKETPLACE_ENDPOINT": site.url, "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
        done = run_text([*COMMAND, *arguments], environ)
        return done.returncode, done.stdout

    code, out = asked("allowed", case.path)
    assert code == (0 if case.state.allowed else 6)
    assert ("NOT allowed" in out) is not case.state.allowed
    code, out = asked("show", "-o", "json", case.path)
    shown = json.loads(out)
    assert code == 0 and next(iter(shown)) == "status"
    assert shown["status"].startswith(case.state.status) and shown["allowed"] is case.state.allowed
    if case.state.code == "deprecated":
        code, out = asked("why", case.identifier)
        assert code == 6 and "trusted" not in out.splitlines()[0]


def table() -> str:
    """The states as docs/verdicts.md shows them."""
    lines = ["| state | | `allowed` | first reason | `status` | badge | feed | `allowed`, `why` |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, one in STATES.items():
        feed = "not in it" if one.status == "expired" else "allowed" if one.allowed else one.code
        feed = "WITHDRAWN" if one.code == "deprecated" else feed
        lines.append(
            f"| {name} | {one.meaning} | {str(one.allowed).lower()} | {one.code or ''} | {one.status} "
            f"| {one.badge} | {feed} | {0 if one.allowed else 6} |"
        )
    return "\n".join(lines) + "\n"


def test_the_table_of_the_documentation():
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    Path(PAGE).write_text(before + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")
