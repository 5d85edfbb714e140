"""Marketplaces that go back, fork, hide, or have a wrong clock: nothing becomes milder by it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from marketplace.federation.keys import create_keys
from marketplace.sites.errors import KnowledgeError
from marketplace.sites.runs import sync
from marketplace.sites.state import CopyState
from tests.federation.test_faults import FAKETIME
from tests.functional.running import AUTHORITIES, RunningServer, running_server, start
from tests.sites.clouds import ALICE, Cloud
from tests.sites.content import ContentServer, Handler
from tests.sites.daemons import await_true
from tests.sites.pictures import raw

#: A process's clock an hour ahead, and sleeps that last as long as they should.
AHEAD = {
    "LD_PRELOAD": str(FAKETIME),
    "FAKETIME": "+1h",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "PYTHONPATH": str(Path(__file__).parent.parent / "federation" / "clock"),
}


def published(folder: Path) -> str:
    """Make a marketplace publish its log; returns the log's key."""
    folder.mkdir()
    keys = create_keys(folder, "mp-a.example")
    return str(keys.verifier("mp-a.example/public"))


def back_up(server: RunningServer, where: Path) -> None:
    """A copy of a marketplace that stands still."""
    server.kill()
    shutil.copytree(server.data, where)


def covered(server: RunningServer, rows: int) -> None:
    """Wait until the published log has so many rows."""
    with server.client() as http:
        await_true(
            lambda: http.get("/fed/v1/logs/public/checkpoint").text.split("\n")[1:2] == [str(rows)],
            "the log is published",
        )


@pytest.mark.parametrize("keyed", [True, False], ids=["with the key", "without a key"])
def test_a_marketplace_that_went_back_undoes_no_deprecation(
    tmp_path: Path, content: ContentServer, keyed: bool
) -> None:
    picture = raw("rolled back")
    url = content.put("back", picture.data)
    data = tmp_path / "mp"
    key = published(data)
    with running_server(data) as server:
        cloud = Cloud(tmp_path / "site", server)
        cloud.folder.mkdir()
        configure(cloud, key if keyed else None)
        cloud.say(picture.draft(url, tags=("stable",)))
        covered(server, 1)
        assert cloud.sync().imported == 1
        back_up(server, tmp_path / "old")
    server = start(data, server.port)
    cloud.say(picture.draft(url, tags=("stable",), deprecated="bad"), created="2024-05-02T12:00:00Z")
    covered(server, 2)
    assert cloud.sync().withdrawn == 1
    server.kill()
    older = start(tmp_path / "old", server.port)
    try:
        done = cloud.sync()
        assert done.contradictions and "went back from 2 to 1" in done.contradictions[0]
        assert not cloud.visible()
        assert cloud.command("sync").returncode == 5
        assert "went back" in cloud.command("status").stdout
        heard = cloud.command("check")
        assert heard.returncode == 0  # it answers; what it contradicts is told by sync and status
        if keyed:
            # It grows on again, with another second row: a fork, which only the key can tell.
            cloud.say(raw("another").draft(url), created="2024-05-03T12:00:00Z")
            cloud.say(raw("third").draft(url), created="2024-05-03T12:00:00Z")
            covered(older, 3)
            done = cloud.sync()
            assert "do not make the signed root" in done.contradictions[0]
            assert not cloud.visible()
    finally:
        older.kill()


def configure(cloud: Cloud, key: str | None) -> None:
    cloud.configure(marketplace="" if key is None else f'key = "{key}"')


def test_a_wrong_key_is_told_and_nothing_is_read(tmp_path: Path, content: ContentServer) -> None:
    key = published(tmp_path / "mp")
    other = published(tmp_path / "other")
    picture = raw("wrong key")
    with running_server(tmp_path / "mp") as server:
        cloud = Cloud(tmp_path / "site", server)
        cloud.folder.mkdir()
        configure(cloud, other)
        cloud.say(picture.draft(content.put("key", picture.data), tags=("stable",)))
        covered(server, 1)
        done = cloud.sync()
        assert done.unheard and not done.imported
        assert cloud.command("check").returncode == 5
        configure(cloud, key)
        assert cloud.command("check").returncode == 0
        assert cloud.sync().imported == 1
        # The key is taken from the marketplace's own word by init, and shown.
        written = cloud.folder / "new.toml"
        made = cloud.command("init", "--from", server.url, "--yes")
        assert made.returncode == 8  # site.toml is there
        cloud.file.rename(cloud.folder / "kept.toml")
        made = cloud.command("init", "--from", server.url, "--yes")
        assert made.returncode == 0 and key in made.stderr and key in cloud.file.read_text()
        assert not written.exists()


def test_a_deprecation_shown_by_any_marketplace_counts(tmp_path: Path, content: ContentServer) -> None:
    picture = raw("two marketplaces")
    url = content.put("two", picture.data)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with running_server(tmp_path / "a") as first, running_server(tmp_path / "b") as second:
        cloud = Cloud(tmp_path / "site", first)
        cloud.folder.mkdir()
        cloud.configure(marketplace=f'[[marketplace]]\nurl = "{second.url}"\n')
        cloud.say(picture.draft(url, tags=("stable",)))
        assert cloud.sync().imported == 1
        there = Cloud(tmp_path / "there", second)
        there.say(picture.draft(url, tags=("stable",), deprecated="bad"), ALICE, "2024-05-02T12:00:00Z")
        assert cloud.sync().withdrawn == 1
        second.kill()
        done = cloud.sync()
        assert len(done.unheard) == 1 and not cloud.visible()


def test_with_a_wrong_clock_nothing_new_comes_in_and_answers_stay(
    cloud: Cloud, content: ContentServer
) -> None:
    first, second = raw("clock 1"), raw("clock 2")
    cloud.configure(subscription='search = "tag=clock"')
    cloud.say(first.draft(content.put("1", first.data), tags=("clock",)))
    assert cloud.sync().imported == 1
    cloud.say(second.draft(content.put("2", second.data), tags=("clock",)))
    with cloud.site(wall=lambda: time.time() + 3600) as site:
        done = sync(site)
        assert not site.clock_is_believed
        assert (done.imported, done.withdrawn) == (0, 0)
        assert site.answer(f"id:{first.identifier}").allowed
    assert cloud.sync().imported == 1


@pytest.mark.skipif(FAKETIME is None, reason="needs libfaketime (Debian: apt install faketime)")
def test_a_marketplace_whose_clock_is_wrong_brings_nothing_new_in(
    tmp_path: Path, content: ContentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = raw("ahead 1"), raw("ahead 2")
    (tmp_path / "mp").mkdir()
    with running_server(tmp_path / "mp") as server:
        cloud = Cloud(tmp_path, server)
        cloud.configure(subscription='search = "tag=ahead"')
        cloud.say(first.draft(content.put("1", first.data), tags=("ahead",)))
        assert cloud.sync().imported == 1
        server.kill()
        with monkeypatch.context() as wrong:
            for name, value in AHEAD.items():
                wrong.setenv(name, value)
            ahead = start(tmp_path / "mp", server.port)
        try:
            cloud.say(second.draft(content.put("2", second.data), tags=("ahead",)))
            cloud.say(first.draft("http://x.example/", tags=("ahead",)), created="2024-05-02T12:00:00Z")
            assert cloud.command("sync").returncode == 0
            assert cloud.visible() == {f"{first.identifier}.raw"}
            checked = cloud.command("check")
            assert checked.returncode == 5 and "its clock and ours are" in checked.stdout
            bad = first.draft("http://x.example/", deprecated="bad")
            cloud.say(bad, created="2024-05-03T12:00:00Z")
            cloud.command("sync")
            assert not cloud.visible()  # what is worse counts all the same
        finally:
            ahead.kill()


def put_between(
    cloud: Cloud, content: ContentServer, change: Callable[[httpx.Response], tuple[int, bytes]]
) -> None:
    """Have the site read its marketplace through somebody who changes answers."""

    def forward(handler: Handler) -> None:
        kept = {name: handler.headers[name] for name in ("Accept", "Content-Type") if name in handler.headers}
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        answer = httpx.request(
            handler.command, cloud.server.url + handler.path, headers=kept, content=body, verify=AUTHORITIES
        )
        status, body = change(answer)
        handler.begin(status, len(body), Content_Type=answer.headers["Content-Type"])
        handler.send(body)

    content.otherwise = forward
    cloud.file.write_text(cloud.file.read_text().replace(cloud.server.url, content.url))


def test_what_a_marketplace_sends_for_an_entry_is_proven(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("altered on the way")
    cloud.configure(subscription='search = "tag=altered"')
    cloud.say(picture.draft(content.put("x", picture.data), tags=("altered",)))
    put_between(
        cloud, content, lambda found: (found.status_code, found.content.replace(b"A demo", b"An evil"))
    )
    done = cloud.sync()
    assert (done.imported, done.failed, done.unproven) == (0, 0, 0)
    with cloud.site() as site:
        assert not site.state.evidence.identifiers()
        assert any(one.what == "entry not proven" for one in site.state.history.read(None, 100))


def test_what_could_not_be_read_is_read_again(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("again")
    cloud.configure(subscription='search = "tag=again"')
    broken = threading.Event()

    def change(found: httpx.Response) -> tuple[int, bytes]:
        fails = broken.is_set() and "/api/v1/signed/" in str(found.url)
        return (500, b"") if fails else (found.status_code, found.content)

    put_between(cloud, content, change)
    with cloud.site() as site:
        (follower,) = site.followers
        site.learn(follower)
        cloud.say(picture.draft("http://x.example/y", tags=("again",)))
        site.learning.concern(picture.identifier)
        broken.set()
        with pytest.raises(KnowledgeError):
            site.learn(follower)
        broken.clear()
        site.learn(follower)
        assert site.state.evidence.identifiers() == {picture.identifier}


def test_the_state_that_was_lost_is_made_anew_without_fetching(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("lost")
    cloud.configure(subscription=f'tag = "alice@images.example.org/{picture.identifier}"')
    cloud.say(picture.draft(content.put("lost", picture.data), tags=(picture.identifier,)))
    assert cloud.sync().imported == 1
    shutil.rmtree(cloud.folder / "state")
    assert cloud.sync().imported == 1
    assert content.requests["/lost"] == 1
    assert cloud.copy().state is CopyState.AVAILABLE and cloud.visible() == {f"{picture.identifier}.raw"}
