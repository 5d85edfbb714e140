"""Cloud sites tell a real server what became of images, and it tells people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from marketplace.access import Scope
from marketplace.receipts import Finding, Receipt, ReceiptOutcome, parse_answer, sign_receipt, write_request
from marketplace.tlog.note import SigningKey
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import issue_token
from tests.functional.privacy_sites import ASTRO_KEY, BIO_KEY
from tests.functional.running import running_server
from tests.waiting import wait_for
from validators import accept
from validators.document import format_time

ALICE = make_identity(email="alice@example.org")
URL = "https://images.example.org/image.qcow2"
NOW = datetime.now(UTC).replace(microsecond=0)


def send(http: httpx.Client, token: str, key: SigningKey, *receipts: Receipt) -> list[ReceiptOutcome]:
    answer = post(http, token, write_request(key.verifier, [sign_receipt(one, key) for one in receipts]))
    assert answer.status_code == 200, answer.text
    return [one.outcome for one in parse_answer(answer.content, len(receipts))]


def post(http: httpx.Client, token: str, body: bytes, kind: str = "application/json") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    return http.post("/api/v1/receipts", content=body, headers=headers)


def upload(http: httpx.Client, data: bytes) -> None:
    answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
    assert answer.status_code == 201, answer.text


def test_from_the_first_receipt_to_the_recall(tmp_path) -> None:
    document = image(content="spread", locations=(URL,), title="Spread")
    data = signed(document, ALICE, created=format_time(NOW - timedelta(hours=2)))
    entry = accept(data)
    with running_server(tmp_path) as server, server.client() as http:
        upload(http, data)
        tokens = {
            name: issue_token(server, owner, scopes)
            for name, owner, scopes in (
                ("astro", "ops@astro.example", [Scope.SITE]),
                ("bio", "ops@bio.example", [Scope.SITE]),
                ("reader", "alice@example.org", [Scope.READ]),
                ("stranger", "mallory@example.org", [Scope.READ]),
                ("root", "root", [Scope.ADMIN]),
            )
        }

        def get(path: str, who: str | None = None) -> httpx.Response:
            return http.get(path, headers={} if who is None else {"Authorization": f"Bearer {tokens[who]}"})

        def here(key: SigningKey, finding: Finding = Finding.AVAILABLE, minutes: int = -60) -> Receipt:
            about = URL if finding.is_about_location else None
            at = NOW + timedelta(minutes=minutes)
            return Receipt(
                key.name, entry.entry_id, entry.identifier, finding, at, "main", "libvirt", location=about,
                reason="404 <b>" if about else None,
            )  # fmt: skip

        assert send(http, tokens["astro"], ASTRO_KEY, here(ASTRO_KEY)) == [ReceiptOutcome.KEPT]
        mixed = here(BIO_KEY), here(BIO_KEY, Finding.UNREACHABLE), here(BIO_KEY)
        assert send(http, tokens["bio"], BIO_KEY, *mixed) == [
            ReceiptOutcome.KEPT,
            ReceiptOutcome.KEPT,
            ReceiptOutcome.KNOWN,
        ]

        coordinates = f"/api/v1/entries/{entry.coordinates.path()}"
        told = get(coordinates).json()
        assert told["sites"] == 2
        (report,) = told["reports"]
        assert (report["location"], report["finding"], report["sites"]) == (URL, "unreachable", 1)
        assert get(f"/api/v1/images/{entry.identifier}").json()["sites"] == 2
        html = {"Accept": "text/html"}
        page = http.get(f"/metadata/{entry.coordinates.path()}", headers=html).text
        assert "Available at 2 cloud sites" in page
        assert "1 cloud site could not download it" in page
        assert "404 &lt;b&gt;" in page
        assert "astro-cloud" not in page
        assert "Available at 2 cloud sites" in http.get(f"/images/{entry.identifier}", headers=html).text

        where = f"/api/v1/images/{entry.identifier}/sites"
        assert get(where).json() == {"identifier": entry.identifier, "sites": 2, "copies": None}
        assert get(where, "stranger").json()["copies"] is None
        for who in ("root", "reader"):
            named = [(one["site"], one["finding"]) for one in get(where, who).json()["copies"]]
            assert named == [
                ("astro-cloud", "available"), ("bio-cloud", "unreachable"), ("bio-cloud", "available"),
            ]  # fmt: skip

        assert get("/api/v1/recalls", "reader").json()["total"] == 0
        bad = image(content="spread", locations=(URL,), title="Spread", deprecated="backdoor")
        upload(http, signed(bad, ALICE, created=format_time(NOW - timedelta(hours=1))))

        def recalled() -> list[dict[str, object]]:
            told = http.get("/api/v1/events", params={"kind": "image.recalled"}).json()["events"]
            return [one["data"]["details"] for one in told]

        wait_for(recalled)  # also where the chore beside would not come for a quarter of an hour
        assert recalled() == [{"sites": 2, "reminder": False}]
        assert send(http, tokens["bio"], BIO_KEY, here(BIO_KEY, Finding.WITHDRAWN, 0)) == [
            ReceiptOutcome.KEPT
        ]
        for who, total in (("root", 1), ("reader", 1), ("stranger", 0)):
            found = get("/api/v1/recalls", who).json()
            assert (found["total"], len(found["recalls"])) == (total, total)
        (recall,) = get("/api/v1/recalls", "reader").json()["recalls"]
        assert (recall["reason"], [one["site"] for one in recall["copies"]]) == ("backdoor", ["astro-cloud"])

        # What is no request of a site, and what is another site's.
        assert get("/api/v1/sites", "root").json()["total"] == 2
        good = write_request(ASTRO_KEY.verifier, [sign_receipt(here(ASTRO_KEY), ASTRO_KEY)])
        refused = [
            (tokens["reader"], good, "application/json", 404, "path.unknown"),
            (tokens["astro"], good, "text/plain", 415, "body.type"),
            (tokens["astro"], b"{}", "application/json", 400, "body.member"),
            (tokens["astro"], b'{"key": "x", "receipts": []}', "application/json", 400, "receipt.count"),
            (tokens["astro"], b'{"key": "x", "receipts": [7]}', "application/json", 400, "receipt.count"),
            (tokens["astro"], b'{"key": "x", "receipts": ["x"]}', "application/json", 400, "receipt.format"),
            (tokens["astro"], b" " * 900_000, "application/json", 413, "body.size"),
        ]
        for token, body, kind, status, code in refused:
            answer = post(http, token, body, kind)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        stolen = SigningKey("astro-cloud", BIO_KEY.private)
        answer = post(
            http, tokens["astro"], write_request(stolen.verifier, [sign_receipt(here(stolen), stolen)])
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "receipt.key")
        assert "another key is bound to the site astro-cloud" in answer.json()["detail"]

        root = {"Authorization": f"Bearer {tokens['root']}"}
        bound = http.put("/api/v1/sites/astro-cloud", json={"key": str(stolen.verifier)}, headers=root)
        assert (bound.status_code, bound.json()["key"]) == (200, str(stolen.verifier))
        assert send(http, tokens["astro"], stolen, here(stolen, minutes=-1)) == [ReceiptOutcome.KEPT]
        other = http.put("/api/v1/sites/bio-cloud", json={"key": str(stolen.verifier)}, headers=root)
        assert (other.status_code, other.json()["code"]) == (400, "receipt.format")
        assert [http.delete("/api/v1/sites/astro-cloud", headers=root).status_code for _ in "12"] == [
            204,
            404,
        ]
        assert get("/api/v1/recalls", "reader").json()["total"] == 0
