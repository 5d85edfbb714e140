"""Two sites that everybody must find the same: one with a group's private entries, one without them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request
from pyramid.response import Response
from pyramid.router import Router

import marketplace
from marketplace.config import Settings
from marketplace.federation.keys import create_keys
from marketplace.receipts import Finding, Receipt, sign_receipt, write_request
from marketplace.runtime import Runtime, build
from marketplace.tlog.note import SigningKey
from marketplace.usage import Use, UseKind
from marketplace.usage.sums import add_uses, number_of
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.private_site import GROUP, MEMBER, OTHER, OUTSIDER, found_groups
from tests.waiting import wait_for
from validators import accept

URL = "http://site.example"
REQUEST_ID = "privacy-matrix"

ALICE = make_identity(email="alice@example.org")
BOB = make_identity("Bob Tester", email="bob@example.org", variant=1)
#: A certificate of Alice's that only private entries carry.
ALICES_OTHER = make_identity("Alice Again", email="alice@example.org", variant=3)
#: Nothing of hers is public.
SECRET = make_identity("Sybil Secret", email="sybil@secret.example", variant=2)
SIGNED_PRIVATE = "<dcterms:accessRights>private</dcterms:accessRights>"


def document(content: str, created: str, by: object = ALICE, **fields: object) -> bytes:
    return signed(image(content=content, **fields), by, created=created)


_TITLES = "SELECT%20?o%20WHERE%20%7B?s%20<http://purl.org/dc/terms/title>%20?o%7D"

#: Of the content of a private image; a public entry names it too, as any text may.
HIDDEN_CHECKSUM = "5ec2" * 16

#: What both sites show everybody.
PUBLIC = {
    "shared": document("shared", "2024-05-01T00:00:00Z", title="Shared debian", tags=("lts",), os="debian"),
    "plain": document(
        "plain", "2024-05-02T00:00:00Z", title="Plain ubuntu", tags=("lts",), os="ubuntu",
        description=f"Made of {HIDDEN_CHECKSUM}",
    ),
    "contested": document("contested", "2024-05-03T00:00:00Z", title="Contested", os="fedora"),
    "bob": document("shared", "2024-05-04T00:00:00Z", BOB, title="Second opinion", os="debian"),
}  # fmt: skip
#: First private, then published; on the other site public at once.
PUBLISHED = document("published", "2024-05-05T00:00:00Z", BOB, title="Published later", os="arch")
#: What the outsider's own group has at both sites.
OUTSIDERS = document("outsiders", "2024-05-06T00:00:00Z", title="Of the other group", os="gentoo")
#: What only the first site has, in the group astro.
PRIVATE = {
    "image": document(
        "hidden", "2024-06-01T00:00:00Z", title="Hidden quasar", tags=("quasar",), os="secretos",
        description="Nebula pipeline", checksums=(("SHA-256", HIDDEN_CHECKSUM),),
        locations=("pdisk:secret.example:1:a",),
    ),
    "newer": document("shared", "2024-06-02T00:00:00Z", title="Newer quasar", deprecated="quasar leak"),
    "twin": document("contested", "2024-05-03T00:00:00Z", title="Another quasar", os="secretos"),
    "sybil": document("sybil", "2024-06-03T00:00:00Z", SECRET, title="Quasar of Sybil", tags=("lts",)),
    "rekeyed": document("rekeyed", "2024-06-03T12:00:00Z", ALICES_OTHER, title="Quasar, signed anew"),
    "expiring": document("expiring", "2024-06-04T00:00:00Z", title="Quasar", valid="2024-07-01T00:00:00Z"),
    "signed": document("signed", "2024-06-05T00:00:00Z", title="Quasar for ever", extra=SIGNED_PRIVATE),
}  # fmt: skip
#: Uploaded last by the readers themselves: what is private at one site must not be in their way.
FRESH = {
    "older": document("shared", "2024-06-01T12:00:00Z", title="Between the two"),
    "same": PRIVATE["image"],
    "private": PRIVATE["signed"],
    "reopened": document("contested", "2024-05-03T00:00:01Z", title="Reopened"),
}
DOCUMENTS = {**PUBLIC, **PRIVATE, **FRESH}


def names() -> dict[str, str]:
    """What paths and parameters can be filled with."""
    found = {"group": GROUP, "log": f"group:{GROUP}", "email": "sybil@secret.example", "tag": "quasar"}
    found["image_checksum"] = HIDDEN_CHECKSUM
    for name, data in {**PRIVATE, "published": PUBLISHED, **PUBLIC}.items():
        entry = accept(data)
        found[name] = entry.coordinates.path()
        found[f"{name}_identifier"] = entry.identifier
        found[f"{name}_id"] = entry.entry_id
        found[f"{name}_certificate"] = entry.signer.fingerprint
    return found


@dataclass
class Site:
    """A whole site in this process, asked without a socket."""

    runtime: Runtime
    application: Router
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        accept: str = "*/*",
        body: bytes = b"",
        kind: str = "",
        reader: str | None = None,
    ) -> Response:
        """The answer to a request of a reader."""
        headers = {"Accept": accept, "X-Request-Id": REQUEST_ID}
        if reader is not None:
            headers["Authorization"] = f"Bearer {self.tokens[reader]}"
        if kind:
            headers["Content-Type"] = kind
        request = Request.blank(path, base_url=URL, method=method, headers=headers, body=body)
        return request.get_response(self.application)

    def put(self, data: bytes, owner: str | None = None, audience: str | None = None) -> None:
        """Upload a document."""
        path = "/metadata" if audience is None else f"/metadata?audience={audience}"
        answer = self.ask(path, method="POST", body=data, kind="application/rdf+xml", reader=owner)
        assert answer.status_int == 201, answer.text

    def routes(self) -> dict[str, str]:
        """Pattern by name of every route, files left out."""
        routes = self.application.registry.getUtility(IRoutesMapper).get_routes()
        return {route.name: route.pattern for route in routes if not route.name.startswith("__")}

    def caught_up(self) -> bool:
        """Whether the followers have taken everything in that they were told of."""
        lags = self.runtime.following.lags()
        found = self.ask("/api/v1/search?q=published&status=all")
        asked = self.ask(f"/query?query={_TITLES}&media=json")
        return (
            not any(lag.rows or lag.failures for lag in lags)
            and found.status_int == 200
            and found.json["total"] == 1
            and b"Published later" in asked.body
        )


@contextmanager
def open_site(data: Path, fill: Callable[[Site], None]) -> Iterator[Site]:
    """A running site in a directory, filled and caught up."""
    settings = Settings.from_mapping(
        {
            "data": str(data),
            "site.url": URL,
            # Else each process makes a name for itself.
            "node": "privacy",
            "query.workers": "1",
            "limit.address": "0",
            "limit.failures": "0",
            "limit.uploads": "0",
            "limit.queries": "0",
            "limit.token": "0",
        }
    )
    upgrade(settings.database_url)
    create_keys(data, "site.example")
    runtime = build(settings)
    site = Site(runtime, marketplace.make_app(runtime), found_groups(settings.database_url))
    runtime.start()
    try:
        fill(site)
        wait_for(site.caught_up, 60.0)
        yield site
    finally:
        runtime.close()


#: Of the cloud site that has images of the group, and of the one of another group.
ASTRO_KEY = SigningKey("astro-cloud", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
BIO_KEY = SigningKey("bio-cloud", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def said(data: bytes, key: SigningKey, finding: Finding = Finding.AVAILABLE) -> bytes:
    """A request of a cloud site with what it says of an entry."""
    entry = accept(data)
    receipt = Receipt(
        key.name,
        entry.entry_id,
        entry.identifier,
        finding,
        datetime(2024, 7, 1, tzinfo=UTC),
        "main",
        "directory",
        location=entry.metadata.locations[0] if finding.is_about_location else None,
    )
    return write_request(key.verifier, [sign_receipt(receipt, key)])


def tell(site: Site, owner: str, body: bytes) -> None:
    """Send receipts."""
    answer = site.ask("/api/v1/receipts", method="POST", body=body, kind="application/json", reader=owner)
    assert [one["outcome"] for one in answer.json["results"]] == ["kept"], answer.text


def use(site: Site, *documents: bytes) -> None:
    """Let entries have been used yesterday, much enough to be told to strangers."""
    day = number_of((site.runtime.now() - timedelta(days=1)).date())
    uses = {
        Use(kind, accept(one).entry_id): 100
        for one in documents
        for kind in (UseKind.VERDICT, UseKind.DOWNLOAD)
    }
    with site.runtime.database.write() as session:
        add_uses(session, day, uses)


def fill_with(site: Site) -> None:
    """Everything, what is private before and between what is public."""
    private = iter(PRIVATE.values())
    for data in PUBLIC.values():
        site.put(next(private), MEMBER, GROUP)
        site.put(data)
    for data in private:
        site.put(data, MEMBER, GROUP)
    site.put(PUBLISHED, MEMBER, GROUP)
    path = names()["published"]
    answer = site.ask(f"/api/v1/entries/{path}/publish", method="POST", reader=MEMBER)
    assert answer.status_int == 201, answer.text
    site.put(OUTSIDERS, OUTSIDER, OTHER)
    # The image of a public entry as well, by an entry of the group.
    for data in (PRIVATE["image"], PRIVATE["twin"], PRIVATE["sybil"], PRIVATE["newer"]):
        tell(site, MEMBER, said(data, ASTRO_KEY))
    tell(site, MEMBER, said(PRIVATE["twin"], ASTRO_KEY, Finding.MISMATCH))
    tell(site, OUTSIDER, said(PUBLIC["shared"], BIO_KEY))
    use(site, *PRIVATE.values(), PUBLIC["shared"])

    answer = site.ask(
        "/api/v1/views", method="POST", reader=MEMBER, kind="application/json",
        body=b'{"name": "%s:all", "title": "Quasars"}' % GROUP.encode(),
    )  # fmt: skip
    assert answer.status_int == 201, answer.text


def fill_without(site: Site) -> None:
    """The same as the public and the outsider see it."""
    for data in (*PUBLIC.values(), PUBLISHED):
        site.put(data)
    site.put(OUTSIDERS, OUTSIDER, OTHER)
    tell(site, OUTSIDER, said(PUBLIC["shared"], BIO_KEY))
    use(site, PUBLIC["shared"])


#: Headers that differ between any two answers.
_VOLATILE_HEADERS = frozenset({"date", "set-cookie"})
_TODAY = f"{datetime.now(UTC):%Y-%m-%d}"
#: What differs between two sites of the same content, and between two moments.
_VOLATILE = (
    (re.compile(rf"{_TODAY}[T ]\d\d:\d\d(:\d\d)?Z?".encode()), b"NOW"),
    # As mails write them (RFC 5322).
    (re.compile(rf"\w{{3}}, {datetime.now(UTC):%d %b %Y} \d\d:\d\d:\d\d".encode()), b"NOW"),
    (re.compile(rb"sparql:[0-9a-f]+"), b"sparql:STORE"),
    (re.compile(rb"background_since_seconds [0-9.e+]+"), b"background_since_seconds NOW"),
    (re.compile(rb'value="[0-9a-f]{64}"'), b'value="KEY"'),
    (re.compile(rb"\b[0-9a-f]{16}\b"), b"TOKEN"),
    (re.compile(rb"\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{40,}"), b"+ID+KEY"),
    # The process that does the background work; each is named by chance.
    (re.compile(rb'"node": "[0-9a-f]{8}"'), b'"node": ""'),
    (re.compile(rb"\b[0-9a-f]{8} \(this process\)"), b"NODE"),
    # Written down a little later.
    (re.compile(rb'"last_used_at":("[^"]*"|null)'), b'"last_used_at":""'),
    (re.compile(rb'"Last used">.*?</td>', re.DOTALL), b'"Last used"></td>'),
    # How long ago that is, at the moment of the answer.
    (re.compile(rb'(<time datetime="[^"]*")[^>]*>[^<]*<'), rb"\1><"),
)
#: Of the figures only those of what is stored: how often and how fast somebody asked differs always.
_TIMED = re.compile(rb"^(process|python)_|_request_seconds_|_since_seconds |^# ")


def shown(answer: Response, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body without what is volatile."""
    body = answer.body
    if path.partition("?")[0] == "/metrics":
        body = b"\n".join(line for line in body.splitlines() if not _TIMED.search(line))
    for pattern, written in _VOLATILE:
        body = pattern.sub(written, body)
    left_out = set(_VOLATILE_HEADERS)
    if body != answer.body:
        left_out |= {"etag", "content-length"}
    headers = sorted(
        (name.lower(), value) for name, value in answer.headerlist if name.lower() not in left_out
    )
    return answer.status_int, headers, body
