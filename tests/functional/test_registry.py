"""The keys of the original test suite at a running site: who is trusted, shown, and let in."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from marketplace.cli import run
from marketplace.client.errors import EntryRefusedError, QuestionRefusedError
from marketplace.client.listing import ListQuery
from marketplace.client.marketplace import MarketplaceClient
from marketplace.client.transport import Transport
from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from tests.factories.documents import draft_xml, image, signed
from tests.factories.identities import make_identity
from tests.factories.storing import import_entry
from tests.functional.running import running_server
from tests.unit.trust.authorities import root
from tests.waiting import wait_for
from validators import accept
from validators.document import format_time
from validators.signing import load_pkcs12, sign

HTML = {"Accept": "text/html"}
RDF = {"Content-Type": "application/rdf+xml"}


@pytest.fixture(scope="module")
def keys(originals):
    return originals / "keys"


def document(keys, name):
    identity = load_pkcs12((keys / f"{name}.p12").read_bytes(), "XYZXYZ")
    draft = draft_xml(image(content=secrets.token_hex())).encode()
    return sign(draft, identity, datetime.now(UTC).replace(microsecond=0))


@contextmanager
def site(keys, data, crl="ca-crl.pem", **settings):
    """A site that trusts the test authority; its files are in a directory of its own."""
    trust = data / "trust"
    trust.mkdir(parents=True)
    shutil.copy(keys / "ca-cert.pem", trust / "ca.pem")
    if crl is not None:
        shutil.copy(keys / crl, trust / "ca.r0")
    shutil.copy(keys / "whitelist.txt", data / "whitelist.txt")
    with (
        running_server(
            data,
            trust_anchors=str(trust),
            trust_allowlist=str(data / "whitelist.txt"),
            **{"trust_reload_interval": "1", "query_enabled": "false", "search_engine": "off"} | settings,
        ) as server,
        server.client() as http,
    ):
        yield server, http, trust


def imported(server, data):
    database = Database.open(server.database_url)
    ingest = IngestService(database, UploadPolicy())
    try:
        import_entry(ingest, data)
    finally:
        ingest.close()
        database.close()


def standings(http, **query):
    """The standing of every listed entry, by the first name of its endorser."""
    found = http.get("/api/v1/entries", params=query).json()["entries"]
    return {one["email"].partition(".")[0]: one["verdict"]["standing"] for one in found}


def uploaded(http, data):
    return http.post("/metadata", content=data, headers={**RDF, "Accept": "application/problem+json"})


def test_who_is_chained_revoked_self_signed_and_pinned(keys, tmp_path):
    with site(keys, tmp_path) as (server, http, trust):
        for name in ("jim", "joan", "jane", "ec"):
            assert uploaded(http, document(keys, name)).status_code == 201
        refused = uploaded(http, document(keys, "revoked"))
        assert (refused.status_code, refused.json()["code"]) == (400, "gate.certificate-revoked")
        imported(server, document(keys, "revoked"))
        expected = {"jim": "chained", "joan": "chained", "jane": "self-signed", "ec": "self-signed"}
        wait_for(lambda: standings(http) == expected | {"rita": "revoked"})
        assert standings(http, trust="trusted") == {"jim": "chained", "joan": "chained"}
        assert standings(http, trust="revoked") == {"rita": "revoked"}

        shutil.copy(keys / "jane-cert.pem", trust / "jane.pem")
        wait_for(lambda: standings(http)["jane"] == "chained")
        (jane,) = http.get("/api/v1/entries?trust=listed&endorser=jane.tester@example.org").json()["entries"]
        assert jane["verdict"]["pinned"] and jane["verdict"]["listed"]
        (trust / "jane.pem").unlink()
        wait_for(lambda: standings(http)["jane"] == "self-signed")

        page = http.get("/?trust=all", headers={"Accept": "text/html"}).text
        assert all(f"<summary>{badge}</summary>" in page for badge in ("allowed", "revoked", "not trusted"))
        assert "was revoked on" in page


def test_spellings_of_the_list_are_all_the_same_name(keys, tmp_path):
    with site(keys, tmp_path, upload_require="allowlist") as (_, http, trust):
        for name in ("jim", "joan"):  # the second one is written in lower case there
            assert uploaded(http, document(keys, name)).status_code == 201, name
        codes = {name: uploaded(http, document(keys, name)).json()["code"] for name in ("jane", "revoked")}
        assert codes == {"jane": "gate.chain-required", "revoked": "gate.certificate-revoked"}
        shutil.copy(keys / "jane-cert.pem", trust / "jane.pem")
        shutil.copy(keys / "ec-cert.pem", trust / "ec.pem")
        wait_for(lambda: uploaded(http, document(keys, "jane")).status_code == 201)
        assert uploaded(http, document(keys, "ec")).json()["code"] == "gate.not-on-allow-list"


def test_a_closed_registry_asks_for_a_chain_and_says_so_before_the_upload(keys, tmp_path):
    with site(keys, tmp_path, crl="ca-crl-empty.pem", upload_require="chain") as (server, http, _trust):
        assert uploaded(http, document(keys, "revoked")).status_code == 201
        tried = http.post("/api/v1/verify", content=document(keys, "jane"), headers=RDF).json()
        assert (tried["verdict"], tried["steps"][-1]["code"]) == ("refused", "gate.chain-required")
        refused = http.post("/metadata", content=document(keys, "jane"), headers=RDF)
        assert refused.status_code == 400 and "self-signed" in refused.text
        # Who reads it on a terminal gets the whole sentence too: the operator needs its end.
        with (
            MarketplaceClient(Transport(server.url)) as client,
            pytest.raises(EntryRefusedError, match=accept(document(keys, "jane")).signer.fingerprint),
        ):
            client.upload(document(keys, "jane"))
        wait_for(lambda: standings(http) == {"rita": "chained"})


def test_a_refresh_by_hand_makes_a_running_server_look_at_its_files(keys, tmp_path, monkeypatch):
    with site(keys, tmp_path, crl="ca-crl-empty.pem", trust_reload_interval="86400") as (_, http, trust):
        assert uploaded(http, document(keys, "revoked")).status_code == 201
        wait_for(lambda: standings(http) == {"rita": "chained"})
        shutil.copy(keys / "ca-crl.pem", trust / "ca.r0")
        monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", str(trust))
        monkeypatch.setenv("MARKETPLACE_TRUST_ALLOWLIST", str(tmp_path / "whitelist.txt"))
        assert run(["trust", "refresh", "--data", str(tmp_path)]) == 0
        assert standings(http) == {"rita": "revoked"}
        # What the server itself judges by: decisions and the gate.
        (rita,) = http.get("/api/v1/entries").json()["entries"]
        path = httpx.URL(rita["links"]["self"]).path
        wait_for(lambda: http.get(f"{path}/decision").json()["standing"] == "revoked")
        assert uploaded(http, document(keys, "revoked")).json()["code"] == "gate.certificate-revoked"


def test_an_anchor_that_is_new_in_the_settings_is_told_to_need_a_restart(keys, tmp_path, monkeypatch, capsys):
    def codes(http):
        return [one["code"] for one in http.get("/readyz").json()["trust"]]

    with site(keys, tmp_path) as (server, http, trust):
        assert uploaded(http, document(keys, "jane")).status_code == 201
        wait_for(lambda: standings(http) == {"jane": "self-signed"})
        monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", str(trust))
        monkeypatch.setenv("MARKETPLACE_TRUST_ALLOWLIST", str(tmp_path / "whitelist.txt"))
        assert run(["trust", "refresh", "--data", str(tmp_path)]) == 0
        assert "restart" not in capsys.readouterr().err
        assert "trust.settings" not in codes(http)
        monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", f"{trust},{keys / 'jane-cert.pem'}")
        assert run(["trust", "refresh", "--data", str(tmp_path)]) == 0
        told = capsys.readouterr().err
        assert "running servers were started with other trust.* settings: restart" in told
        wait_for(lambda: "trust.settings" in codes(http))
        assert http.get("/readyz").status_code == 200
        assert "marketplace_trust_faults 1.0" in http.get("/metrics").text
    settings = {
        "query_enabled": "false",
        "search_engine": "off",
        "trust_anchors": f"{trust},{keys / 'jane-cert.pem'}",
    }
    allowed = str(tmp_path / "whitelist.txt")
    with running_server(tmp_path, trust_allowlist=allowed, **settings) as server, server.client() as http:
        wait_for(lambda: standings(http) == {"jane": "chained"})
        assert "trust.settings" not in codes(http)


def test_the_same_bytes_again_are_answered_as_before_also_when_the_signer_is_revoked(keys, tmp_path):
    with site(keys, tmp_path, crl=None) as (_, http, trust):
        known = document(keys, "revoked")
        assert uploaded(http, known).status_code == 201
        shutil.copy(keys / "ca-crl.pem", trust / "ca.r0")
        wait_for(lambda: standings(http) == {"rita": "revoked"})
        assert uploaded(http, known).status_code == 201
        assert uploaded(http, document(keys, "revoked")).json()["code"] == "gate.certificate-revoked"


def test_what_a_site_shows_and_the_way_to_the_rest(keys, tmp_path):
    xml = {"Accept": "application/xml"}
    with site(keys, tmp_path, trust_show="trusted") as (server, http, _trust):
        for name in ("jim", "jane"):
            assert uploaded(http, document(keys, name)).status_code == 201
        wait_for(lambda: standings(http) == {"jim": "chained"})
        wait_for(lambda: standings(http, trust="all") == {"jim": "chained", "jane": "self-signed"})
        # Whoever names an entry gets it: to be told why it is not trusted, or to take it back.
        with MarketplaceClient(Transport(server.url)) as client:
            (jane,) = client.entries(ListQuery(trust="self-signed"))
            assert client.resolve(jane.identifier) == client.resolve(jane.identifier, jane.email) == jane
            assert jane not in list(client.entries(ListQuery()))
            with pytest.raises(QuestionRefusedError, match="expected one of all, trusted"):
                list(client.entries(ListQuery(trust="liked")))
        listed = http.get("/metadata", headers=xml)
        assert listed.text.count("<rdf:RDF") == 1
        assert http.get("/metadata?trust=all", headers=xml).text.count("<rdf:RDF") == 2
        home = http.get("/?status=valid", headers={"Accept": "text/html"}).text
        assert "trust: default of this site" in home and 'href="/?status=valid&amp;trust=all"' in home
        plain = http.get("/metadata", headers={"Accept": "text/html"}).text
        assert "trust: default of this site" in plain
        assert http.get("/metadata?trust=nonsense").status_code == 400
        (jane,) = http.get("/api/v1/entries?trust=self-signed").json()["entries"]
        assert accept(http.get(jane["links"]["signed"]).content).entry_id == jane["id"]


def test_a_new_certificate_and_a_look_alike_are_flagged_to_whoever_sees_them(tmp_path):
    authority = root()
    jane = make_identity("Jane Tester", "jane@example.org", issuer=authority)
    forged = make_identity("Jane Tester", "jane@example.org", variant=7)
    alike = make_identity("Jаne Tester", "JANE@example.org")
    (tmp_path / "root.pem").write_bytes(authority.certificate_pem)
    with (
        running_server(
            tmp_path,
            trust_anchors=str(tmp_path / "root.pem"),
            trust_reload_interval="1",
            query_enabled="false",
            search_engine="off",
        ) as server,
        server.client() as http,
    ):
        paths = []
        for number, identity in enumerate((jane, forged, alike)):
            document = signed(image(content=str(number)), identity)
            assert uploaded(http, document).status_code == 201
            paths.append(accept(document).coordinates.path())
            wait_for(lambda: standings(http, status="all", trust="unjudged") == {})
            if identity is jane:
                # Times here are whole seconds, and what follows what is told by them.
                seen = http.get("/api/v1/endorsers/jane@example.org").json()["certificates"][0]["first_seen"]
                wait_for(lambda seen=seen: format_time(datetime.now(UTC)) > seen)
        told = http.get("/api/v1/endorsers/jane@example.org").json()
        assert [(one["succession"], one["new"], one["standing"]) for one in told["certificates"]] == [
            ("other-issuer", True, "self-signed"),
            (None, False, "chained"),
        ]
        assert [one["after"] for one in told["changes"]] == ["other-issuer"]
        assert {(one["kind"], one["email"]) for one in told["look_alikes"]} == {
            ("address", "JANE@example.org"),
            ("name", "JANE@example.org"),
        }
        page = http.get("/endorsers/jane@example.org?range=36525", headers=HTML).text
        assert "Similar name: check" in page and ">new certificate</" in page
        assert "first signature with a certificate of another issuer" in page
        assert ">new certificate</" not in http.get(f"/metadata/{paths[0]}", headers=HTML).text
        assert ">new certificate</" in http.get(f"/metadata/{paths[1]}", headers=HTML).text
        assert ">look-alike</" in http.get("/endorsers", headers=HTML).text
