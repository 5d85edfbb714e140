"""A hostile peer sends a statement under a certificate that it altered: readers see the honest one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.factories.alterations import ground
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.functional.sites import Site, sites, until
from tests.unit.trust.authorities import root
from validators import accept

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
MADE = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def document(identity: Identity) -> bytes:
    return signed(image(content="twins", title="Said once"), identity, MADE)


HONEST = document(JIM)
ALTERED = document(ground(JIM, document))


def deliver(hostile: Site, data: bytes, folder: Path) -> None:
    """Let a site hold an entry, past every gate."""
    folder.mkdir()
    (folder / "entry.xml").write_bytes(data)
    done = hostile.command("import", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr


def rows_of(http: httpx.Client) -> int:
    return len(http.get("/api/v1/changes").json()["changes"])


@pytest.mark.parametrize(
    "order", [(HONEST, ALTERED), (ALTERED, HONEST)], ids=["honest first", "altered first"]
)
def test_a_peer_cannot_hide_what_an_endorser_said(tmp_path: Path, order: tuple[bytes, bytes]) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    with sites(tmp_path, 2) as (hostile, site):
        site.stop()
        site.start(trust_anchors=str(tmp_path / "root.pem"), trust_show="trusted")
        site.follow(hostile)
        assert site.server is not None
        with site.server.client() as http:
            for number, data in enumerate(order):
                deliver(hostile, data, tmp_path / str(number))
                site.pull(hostile)
                until(lambda number=number: rows_of(http) == number + 1, "it was taken in")
            path = accept(HONEST).coordinates.path()
            until(lambda: http.get("/api/v1/search").json()["total"] == 1, "the certificate is judged")
            until(lambda: site.has(path, HONEST), "the honest bytes are served")
            (line,) = http.get("/api/v1/entries").json()["entries"]
            assert line["id"] == accept(HONEST).entry_id
            assert line["verdict"]["trusted"] and not line["conflicting"]
            facets = http.get("/api/v1/search?trust=all").json()["facets"]["trust"]
            assert {one["value"]: one["count"] for one in facets if one["count"]} == {
                "chained": 1,
                "trusted": 1,
            }
            decision = http.get(f"/api/v1/entries/{path}/decision").json()
            assert decision["trusted"] and decision["standing"] == "chained"
            entry = http.get(f"/api/v1/entries/{path}").json()
            assert entry["current"] and entry["superseded_by"] is None and entry["conflicts"] == []
            listed = http.get("/metadata", headers={"Accept": "application/xml"}).content
            signature = HONEST[HONEST.index(b"<ds:X509Certificate>") :][:2000].split(b"</")[0]
            assert signature in listed and b"not trusted" not in http.get("/").content
            # The other one is there still, for whoever asks for it, and is what it is.
            other = http.get(f"/api/v1/signed/{accept(ALTERED).entry_id}")
            assert (other.status_code, other.content) == (200, ALTERED)
