"""What a site tells marketplaces of images: written down with its reason, sent when it can be."""

from __future__ import annotations

import stat
from itertools import pairwise
from pathlib import Path

import pytest

from marketplace.access import Scope
from marketplace.receipts import Finding, Receipt, verify_receipt
from marketplace.sites.receipts import PAUSES
from marketplace.sites.runs import sync
from marketplace.sites.site import Site
from marketplace.sites.site_key import make_site_key
from tests.functional.access import issue_token
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer, answer
from tests.sites.daemons import await_true, running_site
from tests.sites.pictures import Picture, raw

RECEIPTS = '[receipts]\nkey_file = "site.key"\n'


def telling(cloud: Cloud, tag: str, *scopes: Scope, owner: str = "lab@example.org") -> None:
    """Configure a site that tells the marketplace, under a name of its own."""
    cloud.configure(RECEIPTS, subscription=f'search = "tag={tag}"', marketplace='token_file = "token"')
    name = f"lab-{tag}"
    cloud.file.write_text(cloud.file.read_text().replace('name = "lab"', f'name = "{name}"', 1))
    make_site_key(cloud.folder / "site.key", name)
    # A token that may send receipts is bound to one key, so each site of these tests has one of its own.
    token = issue_token(cloud.server, f"{tag}-{owner}", scopes or (Scope.READ, Scope.SITE))
    (cloud.folder / "token").write_text(token)


def owed(site: Site) -> list[Receipt]:
    """The receipts that wait, each proven."""
    key = site.receipts._key
    assert key is not None
    rows = site.state.database.rows("SELECT data FROM receipt ORDER BY id")
    return [verify_receipt(bytes(row["data"]), key.verifier) for row in rows]


def present(cloud: Cloud, picture: Picture) -> int:
    """At how many sites the marketplace says that an image is."""
    with cloud.server.client() as http:
        found = http.get(f"/api/v1/images/{picture.identifier}/sites")
        return int(found.json()["sites"]) if found.status_code == 200 else 0


def told(cloud: Cloud, what: str) -> list[str]:
    with cloud.site() as site:
        return [one.why for one in site.state.history.read(None, 1000) if one.what == what]


def test_a_marketplace_is_told_what_is_available_and_what_is_not_any_more(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("told")
    telling(cloud, "told")
    url = content.put("told", picture.data)
    cloud.say(picture.draft(url, tags=("told",)))
    assert cloud.sync().imported == 1
    assert present(cloud, picture) == 1
    cloud.say(picture.draft(url, tags=("told",), deprecated="bad"), created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1
    assert present(cloud, picture) == 0
    with cloud.site() as site:
        assert site.receipts.count() == 0
    assert not told(cloud, "receipts refused") and not told(cloud, "receipts wait")


def test_receipts_say_what_was_found_and_nothing_that_people_said(
    cloud: Cloud, content: ContentServer
) -> None:
    good, other = raw("good"), raw("other", 64 << 10)
    telling(cloud, "found")
    gone = content.put("gone", answer(404))
    cloud.say(good.draft(gone, content.put("good", good.data), tags=("found",)))
    cloud.say(raw("wrong").draft(content.put("wrong", other.data), tags=("found",)))
    with cloud.site() as site:
        site.receipts.send = lambda: 0
        sync(site)
        said = owed(site)
    assert sorted(one.finding for one in said) == [Finding.AVAILABLE, Finding.MISMATCH, Finding.UNREACHABLE]
    by = {one.finding: one for one in said}
    assert by[Finding.AVAILABLE].sha512 == good.sha512 and by[Finding.AVAILABLE].location is None
    assert by[Finding.UNREACHABLE].location == gone and "404" in (by[Finding.UNREACHABLE].reason or "")
    assert by[Finding.MISMATCH].sha512 == other.sha512 and by[Finding.MISMATCH].kind == "directory"
    assert cloud.command("withdraw", good.identifier, "--reason", "incident at ours").returncode == 0
    with cloud.site() as site:
        site.receipts.send = lambda: 0
        sync(site)
        last = owed(site)[-1]
        assert last.finding is Finding.WITHDRAWN and last.reason is None
        data = [bytes(row[0]) for row in site.state.database.rows("SELECT data FROM receipt")]
        assert not any(b"incident" in one for one in data)


def test_an_address_that_the_site_does_not_ask_is_not_told(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("inside")
    telling(cloud, "inside")
    cloud.file.write_text(cloud.file.read_text().replace('allow_private = ["127.0.0.0/8"]', ""))
    cloud.say(picture.draft(content.put("inside", picture.data), tags=("inside",)))
    with cloud.site() as site:
        site.receipts.send = lambda: 0
        assert sync(site).failed == 1
        assert owed(site) == []


def test_what_cannot_be_sent_waits_and_holds_nothing_up(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("waits")
    telling(cloud, "waits", Scope.READ)  # its token may not send receipts
    cloud.say(picture.draft(content.put("waits", picture.data), tags=("waits",)))
    with cloud.site() as site:
        assert sync(site).imported == 1
        assert site.receipts.count() == 1
        later = site.wall() + PAUSES[0]
        site.receipts._wall = lambda: later
        assert site.receipts.send() == 0
    (wait,) = told(cloud, "receipts wait")  # told once, though it was tried again
    assert "needs the scope site" in wait
    token = issue_token(cloud.server, "waits-lab@example.org", (Scope.READ, Scope.SITE))
    (cloud.folder / "token").write_text(token)
    with cloud.site() as site:
        assert site.receipts.send() == 1
        assert site.receipts.count() == 0
    assert present(cloud, picture) == 1


def test_attempts_are_made_less_and_less_often(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("pauses")
    telling(cloud, "pauses", Scope.READ)
    cloud.say(picture.draft(content.put("pauses", picture.data), tags=("pauses",)))
    with cloud.site() as site:
        sync(site)
        asked: list[float] = []
        real = site.receipts._send_all
        now = [site.wall()]
        site.receipts._wall = lambda: now[0]

        def counted(*given: object) -> int:
            asked.append(now[0])
            return real(*given)

        site.receipts._send_all = counted
        began = now[0]
        for second in range(0, 1000, 10):
            now[0] = began + second
            site.receipts.send()
        pauses = [round(b - a) for a, b in pairwise(asked)]
        assert pauses == [int(PAUSES[1]), int(PAUSES[2])]


def test_refused_receipts_are_told_once_and_not_sent_again(cloud: Cloud, content: ContentServer) -> None:
    pictures = [raw(f"refused {n}") for n in range(2)]
    telling(cloud, "refused")
    for one in pictures:
        cloud.say(one.draft(content.put(one.identifier, one.data), tags=("refused",)))
    with cloud.site() as site:
        real, key = site.receipts._key, make_site_key(cloud.folder / "other.key", "lab-refused")
        assert real is not None
        # The site signs with another key than the one that it shows: every receipt is refused.
        site.receipts._key = key
        site.receipts.send = lambda: 0
        assert sync(site).imported == 2
        del site.receipts.send
        site.receipts._key = real
        assert site.receipts.send() == 2
        assert site.receipts.count() == 0
    (refused,) = told(cloud, "receipts refused")
    assert ": 2 with receipt.signature: " in refused


def test_a_marketplace_that_did_not_show_an_entry_learns_nothing(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("elsewhere")
    telling(cloud, "elsewhere")
    cloud.say(picture.draft(content.put("elsewhere", picture.data), tags=("elsewhere",)))
    with cloud.site() as site:
        site.learn(site.followers[0])
        site.ask(site.followers[0])
        with site.state.database.write():
            site.state.database.run("UPDATE statement SET source = 'http://another.example'")
        site.act(site.plan()[0])
        assert owed(site) == []


def test_the_daemon_sends_receipts(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("daemon tells")
    telling(cloud, "daemon-tells")
    cloud.say(picture.draft(content.put("daemon", picture.data), tags=("daemon-tells",)))
    with running_site(cloud) as site:
        await_true(lambda: present(cloud, picture) == 1, "the marketplace knows of the copy")
        assert site.metric("marketplace_site_receipts_owed") == 0


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("", "receipts need a marketplace with a token_file"),
        ('to = ["http://x.example"]', "receipts go to http://x.example"),
        ('key = "site.key"', "receipts key: unknown setting"),
    ],
    ids=["no token", "unknown marketplace", "unknown setting"],
)
def test_faults_of_the_table_are_named(cloud: Cloud, head: str, fault: str) -> None:
    cloud.configure(RECEIPTS + head)
    done = cloud.command("sync")
    assert done.returncode == 2 and fault in done.stderr


def test_the_key_of_a_site_is_made_by_init_shown_and_never_replaced(cloud: Cloud) -> None:
    cloud.file.unlink()
    made = cloud.command("init", "--name", "orsay")
    key = cloud.folder / "site.key"
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_text()
    cloud.configure(RECEIPTS, marketplace='token_file = "token"')
    (cloud.folder / "token").write_text("x")
    wrong = cloud.command("key")
    assert wrong.returncode == 2 and "is the key of orsay, and this site is named lab" in wrong.stderr
    assert cloud.command("sync").returncode == 2
    cloud.file.write_text(cloud.file.read_text().replace('name = "lab"', 'name = "orsay"', 1))
    shown = cloud.command("key")
    assert shown.stdout.startswith("orsay+") and "PRIVATE" not in shown.stdout + shown.stderr
    assert cloud.command("key", "--new").returncode == 8 and key.read_text() == before
    key.unlink()
    assert "--new makes one" in cloud.command("key").stderr
    assert cloud.command("key", "--new").stdout != shown.stdout


def test_init_refuses_a_name_that_no_site_can_have(tmp_path: Path, cloud: Cloud) -> None:
    cloud.file.unlink()
    assert cloud.command("init", "--name", "a b").returncode == 2
    assert not cloud.file.exists()


def test_init_names_a_marketplace_that_publishes_no_log(cloud: Cloud) -> None:
    cloud.file.unlink()
    made = cloud.command("init", "--from", cloud.server.url)
    assert made.returncode == 0
    assert f"{cloud.server.url} publishes no signed log" in made.stderr
