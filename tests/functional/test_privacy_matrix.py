"""Not granted is not existing: every route, compared between a site with private entries and one without."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from marketplace.federation.trees import PublishedLog, Trees
from marketplace.routes import ROUTES
from tests.functional.privacy_asks import Ask
from tests.functional.privacy_rows import BEGIN, END, PAGE, ROWS, table
from tests.functional.privacy_sites import (
    BIO_KEY,
    DOCUMENTS,
    PRIVATE,
    Site,
    fill_with,
    fill_without,
    names,
    open_site,
    said,
    shown,
)
from tests.functional.private_site import GROUP, MEMBER, OUTSIDER
from tests.waiting import wait_for

READERS = (None, OUTSIDER)
ACCEPTS = ("*/*", "application/json", "text/html")
#: Texts that stand in private entries only.
TELLTALES = (
    b"astro-cloud",
    b"quasar",
    b"Quasar",
    b"secretos",
    b"sybil",
    b"Nebula",
    b"Alice Again",
    GROUP.encode(),
)

Sites = tuple[Site, Site, dict[str, str]]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The site with, the site without, and what requests are filled with."""
    with (
        open_site(tmp_path_factory.mktemp("with"), fill_with) as having,
        open_site(tmp_path_factory.mktemp("without"), fill_without) as lacking,
    ):
        for site in (having, lacking):
            wait_for(lambda: published(site, "public").size == 5, 60.0)  # noqa: B023  # called at once
        log = published(having, f"group:{GROUP}")
        yield (
            having,
            lacking,
            names()
            | {
                "private_slug": log.slug,
                "absent_group": "x" * len(GROUP),
                "origin_digest": sha256(log.origin.encode()).hexdigest(),
                "private_origin": log.origin,
                "receipts": said(PRIVATE["image"], BIO_KEY).decode(),
            },
        )


def published(site: Site, name: str) -> PublishedLog:
    """A log as the federation sees it, once it does."""

    def find() -> PublishedLog | None:
        with site.runtime.database.read() as session:
            return next((log for log in Trees(session).all() if log.name == name), None)

    found = wait_for(find, 60.0)
    assert found is not None
    return found


def asked(site: Site, ask: Ask, path: str, accept: str, reader: str | None, known: dict[str, str]) -> object:
    body = DOCUMENTS[ask.document] if ask.document else ask.body.format(**known).encode()
    answer = site.ask(path, method=ask.method, accept=accept, body=body, kind=ask.kind, reader=reader)
    if not ask.document and "?" not in path:
        # What was asked for may come back in an error; nothing else of it may.
        # A program that reads views has a name with a word of a private entry in it.
        told = answer.body.replace(b"OpenNebula", b"")
        assert not any(word in told for word in TELLTALES if word.decode() not in path), answer.text
    status, headers, told = shown(answer, path)
    # Errors repeat the name that was asked for.
    return status, headers, told.replace(known["absent_group"].encode(), GROUP.encode())


def test_every_route_has_a_row(sites: Sites) -> None:
    assert set(sites[0].routes()) == set(ROWS), (
        "say in privacy_pages.py or privacy_api.py what a reader without a grant gets"
    )


def test_every_method_of_a_route_is_asked() -> None:
    for route in ROUTES:
        methods = {ask.method for ask in ROWS[route.name].asks}
        assert methods <= set(route.methods), route.name
        if route.name not in ("web.login", "web.sync"):  # forms without anything private in them
            assert methods == set(route.methods), route.name


def test_the_table_of_the_page_is_this_one(sites: Sites) -> None:
    page = PAGE.read_text(encoding="utf-8")
    written = page.partition(BEGIN)[2].partition(END)[0]
    assert written == table({route.name: route.pattern for route in ROUTES}), (
        "run python -m tests.functional.privacy_rows"
    )


@pytest.mark.parametrize("reader", READERS, ids=("nobody", "a member of another group"))
@pytest.mark.parametrize("name", [name for name in ROWS if name != "metrics"])
def test_not_granted_is_not_existing(sites: Sites, name: str, reader: str | None) -> None:
    having, lacking, known = sites
    for ask in ROWS[name].asks:
        if ask.document and ask.path == "/metadata":
            continue  # changes the sites: asked by the last test
        path = ask.path.format(**known)
        for accept in ACCEPTS if ask.method == "GET" else ACCEPTS[:1]:
            there = asked(having, ask, path, accept, reader, known)
            if ask.instead:
                other = asked(having, ask, ask.instead.format(**known), accept, reader, known)
            else:
                other = asked(lacking, ask, path, accept, reader, known)
            assert there == other, (path, accept)


def test_a_page_after_the_first_one_is_the_same(sites: Sites) -> None:
    having, lacking, _ = sites
    for path in ("/api/v1/search?status=all&limit=2", "/api/v1/entries?sort=title&limit=1&status=all"):
        told = [site.ask(path).json["next"] for site in (having, lacking)]
        assert told[0] == told[1] and told[0] is not None
        following = told[0].partition("site.example")[2]
        assert shown(having.ask(following), following) == shown(lacking.ask(following), following)


def test_the_matrix_would_notice(sites: Sites) -> None:
    """A member's answers do differ, on each of the routes that lead to private entries."""
    having, lacking, known = sites
    for name in (
        "web.home", "web.image", "web.entries", "web.entries.by", "web.entries.by2", "web.entry", "web.tag",
        "web.endorsers", "web.endorser", "web.endorser.tags", "web.upload", "api.verify", "api.search",
        "api.feed", "api.entries", "api.entry", "api.entry.statement", "api.entry.decision", "api.image",
        "api.image.verdict", "api.verdict",
        "api.endorsers", "api.endorser", "api.endorser.tags", "api.tag", "fed.checkpoint", "fed.bodies",
        "web.view.document", "web.views", "web.view", "web.view.oai", "api.views", "api.view",
    ):  # fmt: skip
        differs = False
        for ask in ROWS[name].asks:
            if ask.document and ask.path.startswith("/metadata"):
                continue
            path = ask.path.format(**known)
            body = DOCUMENTS[ask.document] if ask.document else ask.body.format(**known).encode()
            told = [
                shown(site.ask(path, method=ask.method, body=body, kind=ask.kind, reader=MEMBER), path)
                for site in (having, lacking)
            ]
            differs = differs or told[0] != told[1]
        assert differs, name


def test_figures_and_uploads_are_the_same_at_last(sites: Sites) -> None:
    """Asked last: uploads change both sites, and figures count all that was asked before."""
    having, lacking, known = sites
    for reader in READERS:
        for ask in ROWS["web.entries"].asks:
            if ask.document:
                path = ask.path.format(**known)
                there, other = (asked(site, ask, path, "*/*", reader, known) for site in (having, lacking))
                assert there == other, (path, ask.document)
    for path in ("/metadata?status=all&media=json", "/api/v1/changes", "/endorsers?media=json"):
        assert shown(having.ask(path), path) == shown(lacking.ask(path), path)
    for site in (having, lacking):
        wait_for(lambda: not any(lag.rows for lag in site.runtime.following.lags()), 60.0)  # noqa: B023  # at once
    for reader in READERS:
        there, other = (shown(site.ask("/metrics", reader=reader), "/metrics") for site in (having, lacking))
        assert there == other
