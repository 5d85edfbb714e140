"""What trust costs: at an upload, and when a revocation list changes what a whole catalogue shows.

The first figure stands beside acceptance of the same document. The second is the
time from the look at the changed files to the first search that goes by the new
verdicts, and stands beside the reading of the whole catalogue, which the old way
(a judgement for each entry) could not beat.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, update

from marketplace.access import ANONYMOUS
from marketplace.catalogue.catalogue import Catalogue
from marketplace.db import Database, upgrade
from marketplace.entries import EntryQuery, ListCaches, VisibleEntries
from marketplace.facets import Facet, TrustMark
from marketplace.models import Certificate, Entry
from marketplace.search.request import SearchRequest
from marketplace.search.service import SearchService
from marketplace.trust import TrustService, VerdictService
from marketplace.trust_files import TrustStore
from marketplace.trust_files.loading import Sources
from tests.benchmarks.bulk import fill
from tests.benchmarks.figures import Figure
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.unit.trust.authorities import crl_bytes, der, link, root
from validators import accept
from validators.material import TrustPolicy

ROOT = root()
_REVOKED = SearchRequest(chosen={Facet.TRUST: (TrustMark.REVOKED.value,)})


def run(entries: int, certificates: int, rounds: int = 20) -> list[Figure]:
    """Both figures."""
    return [_upload(rounds), *_change(entries, certificates)]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _store(folder: Path) -> TrustStore:
    (folder / "root.pem").write_bytes(ROOT.certificate_pem)
    _write_list(folder, [])
    return TrustStore(Sources((str(folder),)), TrustPolicy())


def _write_list(folder: Path, revoked: list[Identity]) -> None:
    now = _now()
    crl = crl_bytes(ROOT, *revoked, this_update=now - timedelta(hours=1), next_update=now + timedelta(days=9))
    (folder / "root.r0").write_bytes(crl)


def _upload(rounds: int) -> Figure:
    """The verdict on an entry whose certificate was judged before, beside its acceptance."""
    data = signed(image(), make_identity("Jim", "jim@example.org", issuer=ROOT))
    with tempfile.TemporaryDirectory() as directory:
        trust = TrustService(_store(Path(directory)))
        signer = accept(data).signer
        accepting = min(_seconds(lambda: accept(data), 20) for _ in range(rounds))
        judging = min(_seconds(lambda: trust.verdict(signer, datetime.now(UTC)), 200) for _ in range(rounds))
    return Figure(
        "verdict on an entry with a known certificate",
        f"{judging * 1e6:.1f} us",
        f"its acceptance {accepting * 1e6:.0f} us",
        judging / accepting,
        "< 0.05",
        judging / accepting < 0.05,
    )


def _change(entries: int, certificates: int) -> list[Figure]:
    """From a changed revocation list to the lists that go by it."""
    people = [make_identity(f"E{n}", f"e{n}@example.org", issuer=ROOT) for n in range(certificates)]
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "trust").mkdir()
        url = f"sqlite:///{folder / 'bench.sqlite'}"
        upgrade(url)
        database = Database.open(url)
        try:
            fill(database, entries)
            _certify(database, people)
            store = _store(folder / "trust")
            verdicts = VerdictService(database, store, TrustService(store), _now)
            first = _seconds(verdicts.refresh, 1)
            catalogue, caches = Catalogue(), ListCaches()
            search = SearchService(database, catalogue, None)
            reading = _seconds(lambda: catalogue.warm_up(database), 1)
            _lists(database, caches)
            _write_list(folder / "trust", people[:: max(1, certificates // 50)])
            recomputing = _seconds(lambda: (store.reload(), verdicts.refresh()), 1)
            showing = _seconds(lambda: search.search(_REVOKED, ANONYMOUS, _now()), 1)
            listing = _seconds(lambda: _lists(database, caches), 1)
        finally:
            database.close()
    of = f"{entries:,} entries of {certificates} certificates"
    whole = recomputing + showing
    return [
        Figure(f"first verdicts, {of}", f"{first:.2f} s"),
        Figure(
            f"a changed revocation list until a search shows it, {of}",
            f"{whole:.2f} s ({recomputing:.2f} verdicts, {showing * 1e3:.0f} ms search)",
            f"reading the catalogue {reading:.2f} s",
            whole / reading,
            "< 10 s",
            whole < 10,
        ),
        Figure("the first list from SQL that goes by it, counted anew", f"{listing * 1e3:.0f} ms"),
    ]


def _lists(database: Database, caches: ListCaches) -> None:
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS, caches)
        visible.list(EntryQuery(now=_now(), trust=frozenset({TrustMark.TRUSTED}), limit=25))


def _certify(database: Database, people: list[Identity]) -> None:
    """Let the entries be signed by real certificates, in turn."""
    with database.write() as session:
        keys = []
        for one in people:
            found = link(one)
            row = {"fingerprint": found.fingerprint, "key_digest": found.key_digest}
            row |= {"der": der(one), "email": one.email}
            dates = {"not_before": found.not_before, "not_after": found.not_after}
            made = insert(Certificate).values(**row, **dates).returning(Certificate.id)
            keys.append(session.execute(made).scalar_one())
        session.execute(
            update(Entry)
            .values(certificate_id=keys[0] + Entry.id % len(keys))
            .execution_options(synchronize_session=False)
        )


def _seconds(call: object, repeats: int) -> float:
    assert callable(call)
    begun = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begun) / repeats
