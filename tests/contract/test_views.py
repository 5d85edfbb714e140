"""Views on both databases: which entry an image is shown by, what a policy lets through, and copies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marketplace.access.principal import ANONYMOUS, Principal
from marketplace.accounts import GroupService
from marketplace.cli.view_selector import open_selector
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.locations import Look, Reach
from marketplace.search.engines import open_engine, open_indexes
from marketplace.search.errors import SearchUnavailableError
from marketplace.search.indexer import SearchIndexer
from marketplace.trust import TrustService, VerdictService, open_store
from marketplace.trust.stored_crls import StoredCrls
from marketplace.views.cached import KEPT
from marketplace.views.definitions import BUILT_IN, Definition
from marketplace.views.errors import (
    DefinitionError,
    DialectUnavailableError,
    LocationAwayError,
    ViewNotFoundError,
    ViewTakenError,
)
from marketplace.views.export import Exporter
from marketplace.views.reading import ImageReader
from marketplace.views.registry import ViewRegistry
from marketplace.views.selector import Selected
from marketplace.views.service import ViewService
from marketplace.views.value import View
from marketplace.watch import WatchService
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import root
from tests.waiting import HANGING
from validators import accept
from validators.document import format_time

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROOT = root()
JIM, RITA = (make_identity(name, f"{name.lower()}@example.org", issuer=ROOT) for name in ("Jim", "Rita"))
JANE = make_identity("Jane", "jane@example.org")
SUMS = (("SHA-256", "ab" * 32),)
TRUSTED = Definition("trusted", policy={})

Select = Callable[..., View]


def made(content: str, by=JIM, hours: int = 10, **fields: object) -> bytes:
    draft = image(content=content, checksums=SUMS, **fields)
    return signed(draft, by, created=NOW - timedelta(hours=hours))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    return Settings.from_mapping(
        {
            "database.url": database_url, "data": str(tmp_path), "site.url": "https://mp.example.org",
            "trust.anchors": str(tmp_path / "root.pem"), "watch.enabled": "true", "search.engine": "off",
        }
    )  # fmt: skip


@pytest.fixture
def select(database: Database, settings: Settings) -> Select:
    """Takes entries in, judges their certificates, and evaluates a view."""

    def select(definition: Definition, *documents: bytes, now: datetime = NOW) -> View:
        ingest = IngestService(database, UploadPolicy())
        try:
            for one in documents:
                ingest.submit(one)
        finally:
            ingest.close()
        store = open_store(settings.trust, StoredCrls(database))
        VerdictService(database, store, TrustService(store), lambda: NOW, lambda: 0).refresh()
        with database.read() as session:
            return open_selector(settings, database).select(session, definition, definition.name, now).view

    return select


def shown(view: View) -> dict[str, str]:
    return {one.title: one.email for one in view.images}


def test_of_several_endorsers_the_one_whom_the_site_trusts_is_shown(select: Select) -> None:
    view = select(
        BUILT_IN,
        made("one", JIM, 10, title="one"),
        made("one", JANE, 1, title="one"),
        made("two", JANE, 2, title="two"),
        made("two", make_identity("Jo", "jo@example.org"), 3, title="two"),
    )
    assert shown(view) == {"one": "jim@example.org", "two": "jane@example.org"}
    assert len(set(view.stable_ids.values())) == 2


def test_a_policy_asks_for_trust_and_hears_withdrawals(select: Select) -> None:
    view = select(
        TRUSTED,
        made("good", JIM, title="good", tags=("lts",)),
        made("strange", JANE, title="strange"),
        made("withdrawn", JIM, 10, title="withdrawn"),
        made("withdrawn", RITA, 5, title="withdrawn", deprecated="a backdoor"),
        # What nobody trusts withdraws nothing.
        made("good", JANE, 1, title="good", deprecated="spite"),
    )
    assert shown(view) == {"good": "jim@example.org"}
    assert {one.title for one in view.withdrawn} == {"withdrawn", "good"}
    narrow = replace(TRUSTED, policy={"tags": {"allow": ["jim@example.org/lts"]}})
    assert shown(select(narrow)) == {"good": "jim@example.org"}
    hosts = replace(TRUSTED, policy={"hosts": {"deny": ["images.example.org"]}})
    assert shown(select(hosts)) == {}


def test_what_a_verdict_does_not_touch_is_not_judged_again(
    database: Database, settings: Settings, select: Select, tmp_path: Path
) -> None:
    other = root("Another Root")
    anchors = tmp_path / "root.pem"
    anchors.write_bytes(ROOT.certificate_pem + other.certificate_pem)
    rosa = make_identity("Rosa", "rosa@example.org", issuer=other)
    soon = NOW + timedelta(hours=1)
    select(
        TRUSTED,
        made("stays", JIM, title="stays"),
        made("goes", rosa, title="goes"),
        made("both", JIM, 9, title="both"),
        made("both", rosa, 5, title="both"),
        made("ends", JIM, title="ends", valid=format_time(soon)),
    )

    def choose(now: datetime = NOW, before: Selected | None = None) -> Selected:
        with database.read() as session:
            selector = open_selector(settings, database)
            return selector.select(session, TRUSTED, TRUSTED.name, now, before)

    def turn() -> None:
        store = open_store(settings.trust, StoredCrls(database))
        VerdictService(database, store, TrustService(store), lambda: NOW, lambda: 0).refresh()

    first = choose()
    assert shown(first.view) == {
        "stays": str(JIM.email), "goes": str(rosa.email), "both": str(rosa.email), "ends": str(JIM.email),
    }  # fmt: skip
    anchors.write_bytes(ROOT.certificate_pem)
    turn()
    second = choose(before=first)
    assert second.view.images == choose().view.images
    assert shown(second.view) == {"stays": str(JIM.email), "both": str(JIM.email), "ends": str(JIM.email)}
    assert again(first, second) == {"goes", "both"}
    later = choose(soon + timedelta(seconds=1), second)
    assert shown(later.view) == {"stays": str(JIM.email), "both": str(JIM.email)}
    assert again(second, later) == set()
    # A clock that goes back makes everything another question, and so does an entry.
    assert again(later, choose(before=later)) == {"stays", "goes", "both", "ends"}
    select(TRUSTED, made("more", JIM, title="more"))
    assert again(later, choose(before=later)) == {"stays", "goes", "both", "ends", "more"}
    anchors.write_bytes(ROOT.certificate_pem + other.certificate_pem)
    turn()
    assert choose(before=second).view.images == choose().view.images


def test_replaced_entries_are_the_same_by_image_and_by_log(
    select: Select, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [
        made(content, by, hours) for content in ("one", "two") for by in (JIM, RITA) for hours in (9, 6, 3)
    ]
    by_image = select(replace(BUILT_IN, search="os=debian"), *documents).records, select(BUILT_IN).records
    monkeypatch.setattr("marketplace.views.history.FEW", 0)
    by_log = select(replace(BUILT_IN, search="os=debian")).records, select(BUILT_IN).records
    assert by_image == by_log
    assert len(by_image[1]) == len(documents) and sum(one.image is not None for one in by_image[1]) == 2


@pytest.mark.parametrize("fast", [False, True], ids=("usual", "tantivy"))
def test_words_are_looked_for_in_the_index_of_the_server_and_nothing_is_mended(
    database: Database, settings: Settings, select: Select, tmp_path: Path, fast: bool
) -> None:
    usual = "postgresql" if database.dialect == "postgresql" else "whoosh"
    engine = "tantivy" if fast else usual
    given = {"database.url": settings.database_url, "data": str(tmp_path), "search.engine": engine}
    settings = Settings.from_mapping(given)
    words = Definition("words", search="q=needle")

    def choose() -> Selected:
        with database.read() as session, open_indexes(settings, database) as indexes:
            return open_selector(settings, database, indexes).select(session, words, words.name, NOW)

    select(BUILT_IN, made("one", title="a needle"), made("two", title="hay"))
    with pytest.raises(SearchUnavailableError, match="marketplace reindex"):
        choose()
    assert not (tmp_path / "search").exists()
    found = open_engine(settings, database)
    assert found is not None
    indexer = SearchIndexer.open(database, found)
    indexer.rebuild(lambda log, done, size: None)
    first = choose()
    assert shown(first.view).keys() == {"a needle"} and first.whole and first.view.until is None
    # The index does not have it yet: looked at again in a moment.
    select(BUILT_IN, made("three", title="another needle"))
    behind = choose()
    assert shown(behind.view).keys() == {"a needle"} and not behind.whole
    assert behind.view.until is not None and behind.view.until <= NOW + timedelta(seconds=1)
    indexer.rebuild(lambda log, done, size: None)
    assert shown(choose().view).keys() == {"a needle", "another needle"} and choose().whole
    if engine != "postgresql":
        indexer.close()
        for one in (tmp_path / "search").rglob("*"):
            if one.is_file():
                one.write_bytes(b"damaged")
        with pytest.raises(SearchUnavailableError, match="cannot be read"):
            choose()
        assert any(
            one.read_bytes() == b"damaged" for one in (tmp_path / "search").rglob("*") if one.is_file()
        )


def again(before: Selected, now: Selected) -> set[str]:
    """Titles of the images that were judged, and not taken over."""
    assert before.judged is not None and now.judged is not None
    titles = {accept(made(one)).identifier: one for one in ("stays", "goes", "both", "ends", "more")}
    return {
        titles[identifier]
        for identifier, one in now.judged.images.items()
        if before.judged.images.get(identifier) is not one
    }


def test_an_image_goes_when_its_time_is_over(select: Select) -> None:
    until = NOW + timedelta(hours=1)
    view = select(BUILT_IN, made("short", valid=f"{until:%Y-%m-%dT%H:%M:%SZ}"))
    assert view.until == until + timedelta(seconds=1)
    assert len(select(BUILT_IN, now=until).images) == 1
    later = select(BUILT_IN, now=view.until)
    assert later.images == () and len(later.withdrawn) == 1
    assert later.updated >= until


def test_definitions_are_kept_and_a_secret_name_is_told_once(database: Database) -> None:
    with database.write() as session:
        GroupService(session).create("astro", by="cli:test", at=NOW)
        registry = ViewRegistry(session)
        kept, address = registry.create(Definition("astro:feed", secret=True), by="cli:test", at=NOW)
        assert address.startswith("mpv_") and registry.get_secret(address) == kept
        with pytest.raises(ViewTakenError):
            registry.create(Definition("astro:feed"), by="cli:test", at=NOW)
        with pytest.raises(DefinitionError):
            registry.create(Definition("other:feed"), by="cli:test", at=NOW)
        changed = registry.replace(Definition("astro:feed", title="Feed"), by="cli:test", at=NOW)
        assert changed.secret and changed.revision == 2 and registry.get_secret(address) == changed
        assert [one.name for one in registry.list()] == ["astro:feed", "default"]
        GroupService(session).delete("astro", by="cli:test", at=NOW)
        for name in (registry.get_secret, registry.get):
            with pytest.raises(ViewNotFoundError):
                name(address if name == registry.get_secret else "astro:feed")
        assert [one.name for one in registry.list()] == ["default"]


def test_a_redirect_leads_to_where_the_content_was_found(
    database: Database, settings: Settings, select: Select
) -> None:
    places = ("https://a.example/x", "https://b.example/x", "https://c.example/x")
    select(BUILT_IN, made("there", locations=places))
    watch = WatchService(database, settings, lambda: NOW)
    views = ViewService(database, open_selector(settings, database), watch, lambda: NOW)
    (found,) = views.find("default", ANONYMOUS).images
    assert views.location("default", found, ANONYMOUS) == places[0]
    while watch.learn():
        pass
    looks = {
        "https://a.example/x": Look(Reach.ANSWERED_OTHERWISE, reason="404"),
        "https://b.example/x": Look(Reach.SILENT, reason="no answer"),
        "https://c.example/x": Look(Reach.THERE, 77),
    }
    while (due := watch.take()) is not None:
        watch.keep(due, looks[due.uri])
    assert views.location("default", found, ANONYMOUS) == places[2]
    with pytest.raises(LocationAwayError, match="404"):
        views.location("default", replace(found, locations=places[:2]), ANONYMOUS)


def test_names_that_nobody_gave_take_no_place_in_memory(
    database: Database, settings: Settings, select: Select
) -> None:
    select(BUILT_IN, made("one"))
    watch = WatchService(database, settings, lambda: NOW)
    views = ViewService(database, open_selector(settings, database), watch, lambda: NOW)
    held = views.document("default", "SHA256SUMS", ANONYMOUS)
    for number in range(2 * KEPT):
        with pytest.raises(ViewNotFoundError):
            views.find(f"made-up-{number}", ANONYMOUS)
    with pytest.raises(ViewNotFoundError):
        views.find("default", Principal(None, frozenset()))
    assert views.find_remembered("default", "SHA256SUMS", ANONYMOUS) is held
    views.forget()
    assert views.find_remembered("default", "SHA256SUMS", ANONYMOUS) is None
    # Nothing changed: what was written is told again.
    assert views.document("default", "SHA256SUMS", ANONYMOUS) is held


def test_a_view_of_too_many_entries_is_refused_before_any_is_read(
    database: Database, settings: Settings, select: Select, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(BUILT_IN, made("one"), made("two"), made("gone", deprecated="old"))
    monkeypatch.setattr("marketplace.views.selector.MOST_ENTRIES", 2)
    views = ViewService(
        database,
        open_selector(settings, database),
        WatchService(database, settings, lambda: NOW),
        lambda: NOW,
    )
    monkeypatch.setattr("marketplace.views.reading.ImageReader.read", lambda *_: pytest.fail("read"))
    with pytest.raises(DialectUnavailableError, match="finds 3 entries, and a view has at most 2"):
        views.document("default", "SHA256SUMS", ANONYMOUS)


def test_threads_beyond_the_turns_do_not_wait_for_a_view(
    database: Database, settings: Settings, select: Select, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(BUILT_IN, made("one"))
    watch = WatchService(database, settings, lambda: NOW)
    views = ViewService(database, open_selector(settings, database), watch, lambda: NOW, at_once=1)
    begun, go_on = threading.Event(), threading.Event()
    read = ImageReader.read

    def slowly(*words: Any) -> Any:
        begun.set()
        assert go_on.wait(HANGING)
        return read(*words)

    monkeypatch.setattr(ImageReader, "read", slowly)
    with ThreadPoolExecutor(1) as others:
        making = others.submit(views.document, "default", "SHA256SUMS", ANONYMOUS)
        assert begun.wait(HANGING)
        try:
            with pytest.raises(DialectUnavailableError, match="try again"):
                views.document("default", "SHA512SUMS", ANONYMOUS)
        finally:
            go_on.set()
        assert making.result(HANGING).left_out == 0
    assert views.document("default", "SHA512SUMS", ANONYMOUS).left_out == 1


def test_views_in_memory_hold_a_bounded_number_of_images(
    database: Database, settings: Settings, select: Select, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(BUILT_IN, made("one"))
    with database.write() as session:
        ViewRegistry(session).create(Definition("other"), by="tests", at=NOW)
    monkeypatch.setattr("marketplace.views.cached.KEPT_IMAGES", 1)
    watch = WatchService(database, settings, lambda: NOW)
    views = ViewService(database, open_selector(settings, database), watch, lambda: NOW)
    for name in ("default", "other"):
        views.document(name, "SHA256SUMS", ANONYMOUS)
    assert views.find_remembered("default", "SHA256SUMS", ANONYMOUS) is None
    assert views.find_remembered("other", "SHA256SUMS", ANONYMOUS) is not None


def test_a_copy_has_the_bytes_of_the_log(database: Database, select: Select, tmp_path: Path) -> None:
    document = made("one")
    view = select(BUILT_IN, document, made("gone", deprecated="old"))
    secret = replace(BUILT_IN, secret=True)
    with database.read() as session:
        done = Exporter(tmp_path / "copy", secret, None).export(session, view, "https://copy.example", NOW)
    entry = accept(document)
    file = tmp_path / "copy" / "entries" / f"{entry.entry_id}.xml"
    assert file.read_bytes() == document
    assert done.entries == 2 and file.stat().st_mode & 0o077 == 0
