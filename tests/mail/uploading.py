"""Uploads of new endorsers, and the links in the mails that they are sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx

from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.mail.server import Mailbox

LINK = re.compile(r"http://127\.0\.0\.1:\d+(/action/([0-9a-f-]{36})/(confirm|abort|abuse))\b")
RDF = {"Content-Type": "application/rdf+xml"}


def person(name: str, **more: object) -> Identity:
    return make_identity(name, f"{name}@people.example.org", **more)


def document(identity: Identity, content: str, ago: float = 60, **said: object) -> bytes:
    return signed(image(content=content, **said), identity, datetime.now(UTC) - timedelta(seconds=ago))


def upload(http: httpx.Client, data: bytes, accept: str = "*/*") -> httpx.Response:
    return http.post("/metadata", content=data, headers={**RDF, "Accept": accept})


def links(mailbox: Mailbox, to: str, count: int = 1) -> dict[str, str]:
    """The paths of the links in the newest of so many mails."""
    found = LINK.findall(mailbox.await_mail(count, to)[count - 1].text)
    return {action: path for path, _, action in found}


def listed(http: httpx.Client, email: str) -> int:
    answer = http.get("/metadata", params={"email": email, "media": "json", "status": "all"})
    return int(answer.json()["iTotalRecords"]) if answer.status_code == 200 else 0
