"""Views that nobody hopes for: a thousand of them, some that let nothing through, and clocks that jump."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert

from marketplace.access.principal import ANONYMOUS
from marketplace.cli.view_selector import open_selector
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.models import NamedView
from marketplace.views.cached import KEPT
from marketplace.views.definitions import BUILT_IN, Definition
from marketplace.views.dialects import DIALECTS
from marketplace.views.documents import write_document
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.registry import ViewRegistry
from marketplace.views.service import ViewService
from marketplace.watch import WatchService
from tests.contract.test_views import NOW, Select, made, select, settings

__all__ = ["select", "settings"]

#: Nobody is this endorser, and each of these would be enough to let nothing through.
IMPOSSIBLE = {
    "endorsers": {"allow": ["nobody@nowhere.example"]},
    "formats": {"allow": ["a format that nothing has"]},
    "checksum": {"least": "sha512"},
}


def test_a_thousand_views_are_listed_and_take_bounded_memory(
    database: Database, settings: Settings, select: Select
) -> None:
    select(BUILT_IN, made("one"))
    row = {"title": "", "description": "", "search": "", "options": "{}", "revision": 1, "changed_by": "me"}
    with database.write() as session:
        session.execute(
            insert(NamedView),
            [{"name": f"view-{n:04}", "created_at": NOW, "changed_at": NOW, **row} for n in range(1000)],
        )
        assert len(ViewRegistry(session).list()) == 1001
    watch = WatchService(database, settings, lambda: NOW)
    views = ViewService(database, open_selector(settings, database), watch, lambda: NOW)
    names = [f"view-{number:04}" for number in range(KEPT + 5)]
    for name in names:
        assert views.document(name, "SHA256SUMS", ANONYMOUS).body
    held = [name for name in names if views.find_remembered(name, "SHA256SUMS", ANONYMOUS) is not None]
    assert held == names[-KEPT:]


def test_a_view_that_nothing_passes_is_an_empty_list_in_every_format(select: Select) -> None:
    view = select(Definition("none", policy=IMPOSSIBLE), made("one"))
    assert view.images == ()
    for dialect in DIALECTS:
        for document in dialect.documents(view):
            try:
                written = write_document(view, document.path)
            except DialectUnavailableError as error:
                # Without a key of the site these two sign nothing.
                assert dialect.name in ("hepix", "simplestreams"), (document.path, error)
            else:
                assert written.left_out == 0, document.path


def test_what_a_view_shows_follows_a_clock_that_jumps(
    database: Database, settings: Settings, select: Select
) -> None:
    moments = [NOW]
    until = NOW + timedelta(days=1)
    select(BUILT_IN, made("short", valid=f"{until:%Y-%m-%dT%H:%M:%SZ}"), made("long"))
    watch = WatchService(database, settings, lambda: moments[-1])
    views = ViewService(database, open_selector(settings, database), watch, lambda: moments[-1])

    def images() -> int:
        return len(views.document("default", "SHA256SUMS", ANONYMOUS).body.splitlines())

    assert images() == 2
    for jump, there in (
        (timedelta(days=10), 1),
        (timedelta(0), 2),
        (timedelta(days=365), 1),
        (timedelta(hours=-1), 2),
    ):
        moments.append(NOW + jump)
        assert views.find_remembered("default", "SHA256SUMS", ANONYMOUS) is None, jump
        assert images() == there, jump
        assert views.find_remembered("default", "SHA256SUMS", ANONYMOUS) is not None, jump
