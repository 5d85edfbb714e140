"""A copy that is brought up to date is the copy that would be made anew, whatever changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from marketplace.cli.view_selector import open_selector
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import SiteKeys, create_keys
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.trust import TrustService, VerdictService, open_store
from marketplace.trust.stored_crls import StoredCrls
from marketplace.views.definitions import Definition
from marketplace.views.export import Exported, Exporter
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import root
from validators.document import format_time

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROOTS = (root("First"), root("Second"))
JIM, RITA = (
    make_identity(name, f"{name.lower()}@example.org", issuer=issuer)
    for name, issuer in zip(("Jim", "Rita"), ROOTS, strict=True)
)
SUMS = (("SHA-256", "ab" * 32), ("SHA-512", "cd" * 64), ("MD5", "ef" * 16))


def made(content: str, by=JIM, hours: int = 10, **fields: object) -> bytes:
    fields = {"checksums": SUMS, "title": content, "tags": (content,), **fields}
    return signed(image(content=content, **fields), by, created=NOW - timedelta(hours=hours))


class Site:
    """A marketplace without a server, and two copies of a view: one kept up to date, one made anew."""

    def __init__(self, database: Database, settings: Settings, keys: SiteKeys) -> None:
        self._database = database
        self._settings = settings
        self._keys = keys
        self._integrator = Integrator(database, keys, lambda: NOW)
        self.definition = Definition("judged", policy={}, title="Judged")
        self.base = "https://copy.example"
        self.now = NOW

    def take(self, *documents: bytes) -> None:
        ingest = IngestService(self._database, UploadPolicy())
        try:
            for one in documents:
                ingest.submit(one)
        finally:
            ingest.close()

    def publish(self) -> None:
        while self._integrator.step():
            pass

    def trust(self, *roots: object) -> None:
        Path(self._settings.trust.anchors[0]).write_bytes(b"".join(one.certificate_pem for one in roots))

    def judge(self) -> None:
        store = open_store(self._settings.trust, StoredCrls(self._database))
        VerdictService(self._database, store, TrustService(store), lambda: self.now, lambda: 0).refresh()

    def copy(self, folder: Path) -> Exported:
        self.judge()
        with self._database.read() as session:
            selector = open_selector(self._settings, self._database)
            view = selector.select(session, self.definition, self.definition.name, self.now).view
            exporter = Exporter(folder, self.definition, self._keys)
            return exporter.export(session, view, self.base, self.now)


@pytest.fixture
def site(database: Database, database_url: str, tmp_path: Path) -> Iterator[Site]:
    data = tmp_path / "data"
    data.mkdir()
    settings = Settings.from_mapping(
        {
            "database.url": database_url, "data": str(data), "site.url": "https://mp.example.org",
            "trust.anchors": str(data / "roots.pem"), "search.engine": "off",
        }
    )  # fmt: skip
    site = Site(database, settings, create_keys(data, "mp.example.org"))
    site.trust(*ROOTS)
    site.take(
        made("one"),
        made("two", RITA),
        made("short", valid=format_time(NOW + timedelta(hours=1))),
        made("gone"),
    )
    site.publish()
    return site


def _later(site: Site) -> None:
    site.now = NOW + timedelta(hours=2)


def _describe(site: Site) -> None:
    site.definition = replace(site.definition, title="Other", description="More", options={"vo": "other"})


CHANGES: dict[str, Callable[[Site], object]] = {
    "nothing": lambda site: None,
    "a new image": lambda site: site.take(made("three", RITA)),
    "an entry that takes the place of another one": lambda site: site.take(
        made("one", hours=5, title="one again")
    ),
    "a deprecation": lambda site: site.take(made("gone", hours=5, deprecated="a backdoor")),
    "a verdict": lambda site: site.trust(ROOTS[0]),
    "the clock": _later,
    "a head of the log": lambda site: (site.take(made("other", make_identity())), site.publish()),
    "what the view is called": _describe,
    "what the view looks for": lambda site: setattr(
        site, "definition", replace(site.definition, search="tag=two")
    ),
    "where it is served": lambda site: setattr(site, "base", "https://elsewhere.example/lists"),
}


def test_a_copy_brought_up_to_date_is_the_copy_made_anew(site: Site, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    site.copy(kept)
    before = contents(kept)
    assert {"index.note", "images.json"} < before.keys() and any(one.startswith("log/") for one in before)
    # One change after the other, each compared with a copy that knows of no earlier one.
    for number, (name, change) in enumerate(CHANGES.items()):
        change(site)
        done, anew = site.copy(kept), tmp_path / f"anew-{number}"
        site.copy(anew)
        assert contents(kept) == contents(anew), name
        assert (contents(kept) == before) is (name == "nothing"), name
        assert (done.written == 0) is (name == "nothing"), name
        before = contents(kept)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
