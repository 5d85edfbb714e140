"""Decisions over HTTP and at a terminal: chained, revoked, self-signed, and files that change meanwhile."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.storing import import_entry
from tests.functional.catalogue import upload
from tests.functional.running import running_server
from tests.unit.trust.authorities import crl_bytes, root
from tests.waiting import wait_for
from validators import accept

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
RITA = make_identity("Rita", "rita@example.org", issuer=ROOT)
JANE = make_identity("Jane", "jane@example.org")
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def revoking(*identities, ago=1):
    return crl_bytes(ROOT, *identities, this_update=NOW - ago * DAY, next_update=NOW + 9 * DAY)


@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trust")
    (folder / "root.pem").write_bytes(ROOT.certificate_pem)
    (folder / "root.r0").write_bytes(revoking(RITA))
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, trust):
    data = tmp_path_factory.mktemp("decisions")
    with running_server(data, trust_anchors=str(trust), trust_reload_interval="1") as running:
        yield running


@pytest.fixture(scope="module")
def http(site):
    with site.client() as client:
        yield client


def endorsed(http, identity):
    """The coordinates of a new entry of this endorser."""
    document = signed(image(content=secrets.token_hex()), identity)
    upload(http, document)
    return accept(document).coordinates.path()


def imported(site, identity):
    """The same past the upload gate, which takes nothing of a revoked certificate."""
    document = signed(image(content=secrets.token_hex()), identity)
    database = Database.open(site.database_url)
    ingest = IngestService(database, UploadPolicy())
    try:
        import_entry(ingest, document)
    finally:
        ingest.close()
        database.close()
    return accept(document).coordinates.path()


def decision(http, path):
    return http.get(f"/api/v1/entries/{path}/decision").json()


def test_chained_revoked_and_self_signed(http, site):
    paths = endorsed(http, JIM), imported(site, RITA), endorsed(http, JANE)
    jim, rita, jane = (decision(http, path) for path in paths)
    assert [one["standing"] for one in (jim, rita, jane)] == ["chained", "revoked", "self-signed"]
    assert [one["trusted"] for one in (jim, rita, jane)] == [True, False, False]
    assert jim["certificate"]["anchor"] == "CN=Trust Root,O=Demo Project,C=EU"
    assert rita["certificate"]["revocation_reason"] == "keyCompromise"
    (chain,) = [rule for rule in jane["rules"] if rule["rule"] == "chain"]
    assert (chain["outcome"], "anchors" in chain["change"]) == ("failed", True)


def test_pages_say_so_too(http, site):
    path = imported(site, RITA)
    shown = http.get(f"/metadata/{path}", headers={"Accept": "text/html"})
    assert shown.status_code == 200
    assert "Not trusted by this site" in shown.text
    assert ">revoked</" in shown.text and "keyCompromise" in shown.text
    shown = http.get(f"/metadata/{endorsed(http, JIM)}?media=html")
    assert "Trusted by this site" in shown.text


def test_a_pin_and_a_new_list_count_without_a_restart(http, trust):
    joan = make_identity("Joan", "joan@example.org", issuer=ROOT)
    kate = make_identity("Kate", "kate@example.org")
    of_joan, of_kate = endorsed(http, joan), endorsed(http, kate)
    assert decision(http, of_joan)["trusted"]
    assert not decision(http, of_kate)["trusted"]
    (trust / "root.r0").write_bytes(revoking(RITA, joan, ago=0))
    (trust / "kate.pem").write_bytes(kate.certificate_pem)
    wait_for(lambda: decision(http, of_joan)["standing"] == "revoked")
    wait_for(lambda: decision(http, of_kate)["certificate"]["pinned"])


def test_a_broken_file_is_named_and_changes_nothing(http, site, trust):
    assert http.get("/readyz").json()["trust"] == []
    (trust / "root.r0").write_bytes(b"broken")
    (fault,) = wait_for(lambda: http.get("/readyz").json()["trust"])
    assert (fault["code"], fault["file"]) == ("trust.crl-unreadable", "root.r0")
    assert http.get("/readyz").status_code == 200
    assert "\nmarketplace_trust_faults 1.0\n" in http.get("/metrics").text
    assert decision(http, imported(site, RITA))["standing"] == "revoked"
    (trust / "root.r0").write_bytes(revoking(RITA, ago=0))
    wait_for(lambda: http.get("/readyz").json()["trust"] == [])
    assert "\nmarketplace_trust_faults 0.0\n" in http.get("/metrics").text
