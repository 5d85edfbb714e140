"""What the site under test holds: the demo, and an image with everything that a page must show or survive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from marketplace.db import Database
from marketplace.demo.content import serving
from marketplace.demo.loading import load_demo
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.usage import Use, UseKind
from marketplace.usage.sums import add_uses, number_of
from tests.databases import upgrade
from tests.factories.documents import ImageDraft, image, signed, unsigned
from tests.factories.identities import make_identity
from tests.factories.signatures import sign_raw
from tests.functional.catalogue import found
from tests.functional.running import RunningServer, free_port, running_server
from tests.waiting import wait_for
from validators import accept

NOW = datetime.now(UTC).replace(microsecond=0)

RIGHT_TO_LEFT = "\u202e"
SCRIPT = "<script>window.taken = true</script><img src=x onerror='window.taken = true'>"
FLOOD = "W" * 40_000
HOSTILE = image(
    content="hostile",
    title=f"{RIGHT_TO_LEFT}gpj.exe {SCRIPT}{FLOOD}",
    description=f"{SCRIPT} {RIGHT_TO_LEFT}drowssap\u2066 \u200b"
    + "\n" * 5000
    + FLOOD
    + "a"
    + "\u0301" * 5000,
    os=SCRIPT,
    os_version=RIGHT_TO_LEFT + "31",
    os_arch="W" * 5000,
    version="'\"><svg onload=alert(1)>",
    publisher=FLOOD,
    tags=(SCRIPT, f"{RIGHT_TO_LEFT}elbats", "W" * 2000, "{{ 7 * 7 }}"),
    locations=(
        "javascript:window.taken=true",
        "data:text/html,<script>window.taken=true</script>",
        "https://bank.example@evil.example/",
        'http://images.example.org/"onmouseover="window.taken=true',
        "http://images.example.org/" + "w" * 9000,
        "pdisk:" + "w" * 3000,
    ),
    extra=(
        f'<h:{"n" * 200} xmlns:h="javascript:window.taken=true">{"W" * 30_000}{RIGHT_TO_LEFT}</h:{"n" * 200}>'
        '<h:link xmlns:h="http://hostile.example/#" rdf:resource="javascript:window.taken=true"/>'
        '<h:deep xmlns:h="http://hostile.example/#" rdf:parseType="Literal">'
        "<script>window.taken = true</script><style>* { display: none }</style></h:deep>"
        '<h:flock xmlns:h="http://hostile.example/#" rdf:parseType="Resource">'
        + "".join(f"<h:many>{number}</h:many>" for number in range(1500))
        + "</h:flock>"
    ),
)

MALLORY = make_identity("Mallory", f"{'m' * 200}@hostile.example")
FRANK = make_identity("Frank", "frank.fisher@vision.example.org")
GINA = make_identity("Gina", "gina.gray@vision.example.org")
OLD = make_identity("Olaf", "olaf.old@vision.example.org", key="rsa1024")

#: An image that three endorsers have said everything about.
SHARED = image(content="shared", title="Imaging workbench", os="debian", os_version="13", tags=("vision",))


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def legacy(draft: ImageDraft, days: int) -> bytes:
    return sign_raw(unsigned(draft, OLD, text(ago(days))), OLD)


SHARED_LEGACY = legacy(SHARED, 700)
SHARED_CURRENT = signed(SHARED.but(valid=text(ago(-200))), GINA, ago(20))
SHARED_DEPRECATED = signed(SHARED.but(deprecated="A hole in its remote login."), FRANK, ago(60))
SHARED_EXPIRED = signed(SHARED.but(valid=text(ago(300))), FRANK, ago(500))
SUPERSEDED = signed(SHARED.but(valid=text(ago(90))), GINA, ago(250))
HOSTILE_ENTRY = signed(HOSTILE, MALLORY, ago(5))

#: What its endorser said once and then otherwise, in the same second.
TORN = image(content="torn", title="Torn in two", os="slackware", tags=())
SAID_TWICE = tuple(
    signed(TORN.but(title=title, deprecated=reason), GINA, ago(40))
    for title, reason in (("Torn in two", None), (SCRIPT + RIGHT_TO_LEFT + FLOOD, "Taken back."))
)

DOCUMENTS = (
    SHARED_LEGACY,
    SHARED_EXPIRED,
    SHARED_DEPRECATED,
    SUPERSEDED,
    SHARED_CURRENT,
    HOSTILE_ENTRY,
    *SAID_TWICE,
)


def fill(data: Path) -> None:
    """Store everything in a database that no server uses yet."""
    database = Database.open(f"sqlite:///{data / 'marketplace.sqlite'}")
    ingest = IngestService(database, UploadPolicy(legacy="accept"))
    try:
        load_demo(data / "demo", ingest, NOW, free_port())
        for outcome in ingest.import_all(list(DOCUMENTS)):
            if isinstance(outcome, Exception):
                raise outcome
    finally:
        ingest.close()
        database.close()


@contextmanager
def demo_site(data: Path) -> Iterator[RunningServer]:
    """A server with the demo as `make run` shows it, and the entries above."""
    upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
    fill(data)
    demo = data / "demo"
    with (
        serving(demo / "content", int((demo / "content.port").read_text())),
        running_server(data, trust_anchors=str(demo / "authority.pem")) as running,
    ):
        with running.client() as client:
            # Until the index is built, searches for words answer 503.
            wait_for(lambda: found(client, "debian") > 0)
            use(running, client)
        yield running


def use(running: RunningServer, client: httpx.Client) -> None:
    """A year in which two entries were used, as other processes counted it."""
    told = client.get("/api/v1/tags/alice.archer@images.example.org/latest").json()["id"]
    with closing(Database.open(running.database_url)) as database:
        for number, count in enumerate((140, 380, 900, 870, 1520, 12_400)):
            day = number_of((NOW - timedelta(days=1 + 31 * number)).date())
            uses = {
                Use(kind, entry): count // share
                for entry in (told, accept(SHARED_CURRENT).entry_id)
                for kind, share in ((UseKind.VERDICT, 1), (UseKind.DOWNLOAD, 9))
            }
            with database.write() as session:
                add_uses(session, day, uses)
