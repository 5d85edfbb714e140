"""Views of ten thousand images: evaluated, written in every format, served from memory, copied, and judged.

The application is called directly, without a socket. What is served from memory stands beside a view that
answers the same bytes and does nothing else. Entries are of the right form and not signed, since nothing
here proves one; the certificates of endorsers are real. Times are of the processor, which other work on the
machine changes little.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pyramid.config import Configurator
from pyramid.response import Response
from webob import Request

from marketplace import make_app
from marketplace.access.principal import ANONYMOUS
from marketplace.config import Settings
from marketplace.db import Database, upgrade
from marketplace.federation.integrator import BATCH
from marketplace.federation.keys import create_keys, load_keys
from marketplace.runtime import Runtime, build
from marketplace.views.copy import INDEX, parse_index
from marketplace.views.definitions import BUILT_IN, Definition
from marketplace.views.dialects import DIALECTS
from marketplace.views.documents import write_document
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.export import Exported, Exporter
from marketplace.views.registry import ViewRegistry
from tests.benchmarks.bulk import fill
from tests.benchmarks.figures import Figure, percentile
from tests.factories.documents import draft_xml, endorsement_xml, image, signed
from tests.factories.entries import accepted, moment
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import root
from validators import accept
from validators.document import AcceptedEntry, format_time
from validators.pipeline import read_accepted

T = TypeVar("T")
_UNSIGNED = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></rdf:RDF>'
_SYSTEMS = ("CentOS", "Ubuntu", "Debian", "Fedora", "OpenSuSE", "Windows")
#: Seconds that a document may take, and what part of a bare view's rate it is served at.
MOST_SECONDS, LEAST_RATE = 2.0, 0.8
#: Entries a second of a first copy, and seconds of a second one after one change.
LEAST_COPIED, MOST_AGAIN = 1500.0, 5.0
#: Whose certificates the endorsers have, in turn; the third is of one alone.
ROOTS = (root("First"), root("Second"), root("Third"))


def entries(count: int) -> Iterator[AcceptedEntry]:
    """Entries by fifty endorsers, each about an image of its own."""
    people = [
        make_identity(
            f"Endorser {n}", f"endorser{n}@site{n % 7}.example.org", issuer=ROOTS[n % 2 if n else 2]
        )
        for n in range(50)
    ]
    signers = [accept(signed(image(), one)).signer for one in people]
    for number in range(count):
        who, created = number % len(people), moment(number)
        system, content = _SYSTEMS[number % len(_SYSTEMS)], f"image {number}"
        draft = image(
            content=content, title=f"{system} image {number}", os=system, tags=(f"series-{number % 500}",),
            checksums=tuple(
                (name, hashlib.new(name.replace("-", "").lower(), content.encode()).hexdigest())
                for name in ("MD5", "SHA-256", "SHA-512")
            ),
            locations=(f"https://images{number % 9}.example.org/{system}/{number}.qcow2",),
        )  # fmt: skip
        text = draft_xml(draft, endorsement_xml(people[who], format_time(created)))
        data = text.replace("</rdf:RDF>", _UNSIGNED).encode()
        content_of = read_accepted(data)
        made = accepted(number, str(people[who].email), created, data=data, signed_by=signers[who])
        yield replace(made, identifier=content_of.identifier, metadata=content_of.metadata)


def run(size: int = 10_000, rounds: int = 40) -> list[Figure]:
    """Measure a view of so many images."""
    with tempfile.TemporaryDirectory(prefix="bench-views-") as name:
        folder = Path(name)
        anchors = folder / "anchors.pem"
        anchors.write_bytes(b"".join(one.certificate_pem for one in ROOTS))
        given = {
            "data": name, "query.enabled": "false", "search.engine": "off", "log.level": "error",
            "trust.anchors": str(anchors),
        }  # fmt: skip
        settings = Settings.from_mapping(given)
        create_keys(settings.data, "bench.example")
        upgrade(settings.database_url)
        database = Database.open(settings.database_url)
        fill(database, size, source=entries(size))
        runtime = build(settings)
        try:
            for _ in range(size // BATCH):
                # The rest is published when the copy is there.
                runtime.federation.integrator.step()
            return [
                *_evaluated(runtime, size),
                *_served(runtime, rounds),
                *_copied(runtime, folder, size),
                *_judged(runtime, anchors, size),
            ]
        finally:
            runtime.close()
            database.close()


def _evaluated(runtime: Runtime, size: int) -> Iterator[Figure]:
    floor, _ = _timed(lambda: _read_all(runtime))
    first, view = _timed(lambda: runtime.views.find("default", ANONYMOUS))
    if len(view.images) != size:
        raise RuntimeError(f"the view has {len(view.images)} images")
    beside = f"{floor:.2f} s to read the rows"
    yield Figure(f"{size} images, the view for the first time", f"{first:.2f} s", beside, first / floor)
    runtime.views._kept.clear()  # as after a change: what was read of entries stays
    again, view = _timed(lambda: runtime.views.find("default", ANONYMOUS))
    yield Figure(
        f"{size} images, the view after a change", f"{again:.2f} s", beside, again / floor,
        "< 1 s", again < 1,
    )  # fmt: skip
    for dialect in DIALECTS:
        for document in dialect.entrances(view):
            try:
                seconds, written = _timed(lambda path=document.path: write_document(view, path))
            except DialectUnavailableError:
                continue  # signed by keys that this site has not
            copied, _ = _timed(lambda body=written.body: hashlib.sha256(body).digest())
            yield Figure(
                f"{size} images, `{document.path}`",
                f"{seconds:.2f} s, {len(written.body) / 1e6:.1f} MB",
                f"{copied:.3f} s to digest the bytes",
                seconds / copied,
                f"< {MOST_SECONDS:.0f} s",
                seconds < MOST_SECONDS,
            )


def _served(runtime: Runtime, rounds: int) -> Iterator[Figure]:
    application, path = make_app(runtime), "/views/default/SHA256SUMS"
    body = Request.blank(path).get_response(application).body
    bare = _bare(body)
    floor = _median(lambda: Request.blank("/").get_response(bare).body, rounds)
    held = _median(lambda: Request.blank(path).get_response(application).body, rounds)
    yield Figure(
        "a list from memory", f"{held * 1000:.2f} ms", f"{floor * 1000:.2f} ms for a bare view of its bytes",
        floor / held, f"at least {LEAST_RATE} of its rate", floor / held >= LEAST_RATE,
    )  # fmt: skip


def _copied(runtime: Runtime, folder: Path, size: int) -> Iterator[Figure]:
    view, target, keys = runtime.views.find("default", ANONYMOUS), folder / "copy", load_keys(folder)

    def export() -> Exported:
        with runtime.database.read() as session:
            now = datetime.now(UTC)
            return Exporter(target, BUILT_IN, keys).export(session, view, "https://copy.example", now)

    seconds, done = _timed(export)
    files = [target / one.path for one in parse_index((target / INDEX).read_bytes()).files]
    read, _ = _timed(lambda: [one.read_bytes() for one in files])
    yield Figure(
        f"a first copy of {size} entries with receipts, {done.written} files",
        f"{size / seconds:.0f}/s", f"{size / read:.0f}/s to read it",
        read / seconds, f"at least {LEAST_COPIED:.0f}/s", size / seconds >= LEAST_COPIED,
    )  # fmt: skip
    view = replace(view, images=view.images[1:], updated=datetime.now(UTC).replace(microsecond=0))
    seconds, done = _timed(export)
    yield _again("a second copy after an image went", seconds, done, read)
    # As after an upload: every receipt is of the new head.
    runtime.federation.integrator.step()
    seconds, done = _timed(export)
    yield _again("a copy with another head of the log", seconds, done, read)


def _again(what: str, seconds: float, done: Exported, read: float) -> Figure:
    return Figure(
        f"{what}: {done.written} files written", f"{seconds:.2f} s", f"{read:.2f} s to read its files",
        seconds / read, f"< {MOST_AGAIN:.0f} s", seconds < MOST_AGAIN,
    )  # fmt: skip


def _judged(runtime: Runtime, anchors: Path, size: int) -> Iterator[Figure]:
    """A view with a policy, when endorsers lose the site's trust."""
    with runtime.database.write() as session:
        ViewRegistry(session).create(Definition("judged", policy={}), by="bench", at=datetime.now(UTC))
    runtime.verdicts.refresh()
    first, view = _timed(lambda: runtime.views.find("judged", ANONYMOUS))
    if len(view.images) != size:
        raise RuntimeError(f"{len(view.images)} images are trusted")

    shown = size

    def turn() -> bytes:
        runtime.trust_store.reload()
        runtime.verdicts.refresh()
        runtime.views.forget()
        return runtime.views.document("judged", "SHA256SUMS", ANONYMOUS).body

    for left, what in ((ROOTS[:2], "one endorser of fifty"), (ROOTS[:1], "half of the endorsers")):
        anchors.write_bytes(b"".join(one.certificate_pem for one in left))
        seconds, body = _timed(turn)
        shown, before = body.count(b"\n"), shown
        if not 0 < shown < before:
            raise RuntimeError("the list does not follow the verdicts")
        yield Figure(
            f"{what} is trusted no more: judged, and a list of {size} images written anew",
            f"{seconds:.2f} s", f"{first:.2f} s to judge the view for the first time",
            seconds / first, "< 1 s", seconds < 1,
        )  # fmt: skip


def _read_all(runtime: Runtime) -> int:
    with runtime.database.read() as session:
        return len(session.connection().exec_driver_sql("SELECT data FROM entry_body").fetchall())


def _bare(body: bytes) -> object:
    def answer(request: Request) -> Response:
        return Response(body=body, content_type="text/plain", charset="UTF-8")

    config = Configurator()
    config.add_route("bare", "/")
    config.add_view(answer, route_name="bare")
    return config.make_wsgi_app()


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.process_time()
    found = work()
    return time.process_time() - started, found


def _median(work: Callable[[], object], rounds: int) -> float:
    return percentile([_timed(work)[0] for _ in range(rounds)], 0.5)
