"""May this image be started? Asked over HTTP, at a real server with real endorsers."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.catalogue import upload
from tests.functional.running import running_server
from tests.unit.trust.authorities import crl_bytes, root
from validators import accept

ROOT = root()
ALICE = make_identity("Alice", "alice@example.org", issuer=ROOT)
BOB = make_identity("Bob", "bob@example.org", issuer=ROOT)
MALLORY = make_identity("Mallory", "mallory@example.org")
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def moment(**ago) -> str:
    return (NOW - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trust")
    (folder / "root.pem").write_bytes(ROOT.certificate_pem)
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, this_update=NOW - DAY, next_update=NOW + 9 * DAY))
    with running_server(tmp_path_factory.mktemp("verdicts"), trust_anchors=str(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def http(site):
    with site.client() as client:
        yield client


def trust(folder):
    (folder / "root.pem").write_bytes(ROOT.certificate_pem)
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, this_update=NOW - DAY, next_update=NOW + 9 * DAY))
    return str(folder)


@pytest.fixture
def draft():
    content = secrets.token_hex()
    sha512 = hashlib.sha512(content.encode()).hexdigest()
    return image(content=content, checksums=(("SHA-512", sha512),))


def said(http, draft, identity, **ago):
    """The coordinates of what an endorser now says."""
    document = signed(draft, identity, created=moment(**ago))
    upload(http, document)
    return accept(document).coordinates.path()


def verdict(http, draft):
    answer = http.get(f"/api/v1/images/{draft.about}/verdict")
    assert answer.status_code == 200
    return answer.json()


def codes(found):
    return [one["code"] for one in found["reasons"]]


def test_a_withdrawn_image_is_refused_at_once(http, draft):
    old = said(http, draft, ALICE, hours=2)
    found = verdict(http, draft)
    assert (found["allowed"], found["status"], found["reasons"]) == (True, "valid", [])
    assert found["entry"]["links"]["signed"].endswith(f"/metadata/{old}")
    new = said(http, draft.but(deprecated="backdoor found"), ALICE, hours=1)
    found = verdict(http, draft)
    assert (found["allowed"], found["status"], codes(found)) == (False, "deprecated", ["deprecated"])
    assert "backdoor found" in found["sentence"] and found["reasons"][0]["change"]
    assert found["entry"]["links"]["signed"].endswith(f"/metadata/{new}")
    # The entry that everybody has at hand is judged by the current one.
    asked = http.get("/api/v1/verdict", params={"entry": old}).json()
    assert not asked["allowed"] and asked["asked"]["superseded_by"].endswith(new)
    decision = http.get(f"/api/v1/entries/{old}/decision").json()
    assert (decision["trusted"], decision["current"], decision["allowed"]) == (True, False, False)
    decision = http.get(f"/api/v1/entries/{new}/decision").json()
    assert (decision["status"], decision["current"], decision["allowed"]) == ("deprecated", True, False)


def test_an_image_is_withdrawn_by_any_endorser_whom_the_site_trusts(http, draft):
    said(http, draft, ALICE, hours=2)
    said(http, draft.but(deprecated="I say so"), MALLORY, hours=1)
    found = verdict(http, draft)
    assert found["allowed"]
    assert [(one["email"], one["weight"]) for one in found["statements"]] == [
        ("alice@example.org", "allows"),
        ("mallory@example.org", "none"),
    ]
    assert found["statements"][1]["code"] == "untrusted"
    said(http, draft.but(deprecated="it is unsafe"), BOB, hours=1)
    assert codes(verdict(http, draft)) == ["deprecated"]


def test_what_expires_says_when(http, draft):
    until = (NOW + DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    said(http, draft.but(valid=until), ALICE)
    assert verdict(http, draft)["until"] == (NOW + DAY + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_nobody_who_says_anything_is_trusted(http, draft):
    said(http, draft, MALLORY)
    found = verdict(http, draft)
    assert codes(found) == ["untrusted"] and not found["statements"][0]["trusted"]


def test_nobody_says_anything(http, draft):
    for path in (
        f"/api/v1/images/{draft.about}/verdict",
        "/api/v1/images/nothing/verdict",
        f"/api/v1/verdict?identifier={draft.about}",
        f"/api/v1/verdict?checksum=sha512:{'0' * 128}",
        f"/api/v1/verdict?checksum=sha1:{'0' * 39}1",
        f"/api/v1/verdict?entry={draft.about}/a@b.example/2020-01-01T00:00:00Z",
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "image.unknown")


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha384", "sha512"])
def test_a_file_by_its_checksum(http, draft, name):
    digest = hashlib.new(name, draft.content.encode(), usedforsecurity=False).hexdigest()
    written = name.upper().replace("SHA", "SHA-")
    extra = () if name == "sha1" else ((written, digest.upper()),)
    said(http, draft.but(checksums=extra), ALICE)
    for spelled in (f"{name}:{digest}", f"{written}:{digest.upper()}"):
        found = http.get("/api/v1/verdict", params={"checksum": spelled}).json()
        assert (found["identifier"], found["allowed"]) == (draft.about, True)


def test_a_stranger_passes_no_other_file_off_as_an_endorsed_image(http, draft):
    said(http, draft, ALICE)
    other = hashlib.sha512(b"another file with the same SHA-1").hexdigest()
    said(http, draft.but(checksums=(("SHA-512", other),)), MALLORY)
    found = http.get("/api/v1/verdict", params={"checksum": f"sha512:{other}"}).json()
    assert codes(found) == ["checksum-unproved"]
    assert verdict(http, draft)["allowed"]
    # And a stranger who claims the endorsed file for another image does not hide its verdict.
    own = draft.checksums[0][1]
    said(http, image(content=secrets.token_hex(), checksums=(("SHA-512", own),)), MALLORY)
    assert http.get("/api/v1/verdict", params={"checksum": f"sha512:{own}"}).json()["allowed"]


def test_two_endorsers_who_name_different_files(http, draft):
    said(http, draft, ALICE)
    said(http, draft.but(checksums=(("SHA-512", "0" * 128),)), BOB)
    assert codes(verdict(http, draft)) == ["conflict"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "query.verdict"),
        ("?identifier=x&entry=y", "query.verdict"),
        ("?checksum=crc:12", "query.checksum"),
        ("?checksum=sha512:12", "query.checksum"),
        ("?entry=x", "query.entry"),
        ("?entry=x/y/z", "query.entry"),
        ("?image=x", "query.unknown-parameter"),
    ],
)
def test_questions_that_are_none(http, query, code):
    answer = http.get(f"/api/v1/verdict{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_an_answer_has_an_entity_tag_that_changes_with_it(http, draft):
    said(http, draft, ALICE, hours=2)
    path = f"/api/v1/images/{draft.about}/verdict"
    first = http.get(path)
    known = {"If-None-Match": first.headers["ETag"]}
    again = http.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    said(http, draft.but(deprecated="bad"), ALICE, hours=1)
    assert http.get(path, headers=known).status_code == 200


def test_what_the_site_does_not_show_withdraws_an_image_and_leaves_no_other_trace(tmp_path, draft):
    anchors, data = tmp_path / "trust", tmp_path / "data"
    anchors.mkdir()
    other = draft.but(content=f"other {draft.content}")
    with running_server(data, trust_anchors=trust(anchors)) as site, site.client() as http:
        said(http, draft, ALICE, hours=2)
        said(http, draft.but(deprecated="secret reason"), BOB, hours=1)
        said(http, other, BOB, hours=1)
    shown = {"federation_accept": "endorser:alice@example.org"}
    with running_server(data, trust_anchors=str(anchors), **shown) as site, site.client() as http:
        answer = http.get(f"/api/v1/images/{draft.about}/verdict")
        assert codes(answer.json()) == ["deprecated"] and answer.json()["entry"] is None
        assert "bob@" not in answer.text and "secret reason" not in answer.text
        assert http.get(f"/api/v1/images/{other.about}/verdict").status_code == 404
