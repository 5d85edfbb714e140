"""Administration in the browser: each act asks first, is for administrators only, and is on record."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from marketplace.access import Scope
from marketplace.accounts import TokenService
from marketplace.audit import AuditLog
from marketplace.confirmation.pending import PendingLimits, PendingUploads
from marketplace.db import Database
from marketplace.federation.keys import create_keys
from marketplace.mail import Outbox
from marketplace.models import OutgoingMail, PendingUpload
from marketplace.pages.admin.views import ACTS, PARTS
from tests.factories.documents import image, signed
from tests.functional.access import bearer, form_key, found_group, from_own_page, issue_token, sign_in
from tests.functional.running import RunningServer, running_server
from validators import accept

HTML = {"Accept": "text/html"}
BOSS = "boss@example.org"
#: An act of each kind with values for every field, for those who may not do it.
GIVEN = {
    "name": "x",
    "owner": "x@example.org",
    "member": "m@example.org",
    "id": "1",
    "entry": "x",
    "file": "x",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def browser(site: RunningServer) -> Iterator[httpx.Client]:
    """An administrator's browser."""
    with site.client() as client:
        sign_in(client, site, issue_token(site, BOSS, [Scope.ADMIN]))
        yield client


def act(browser: httpx.Client, site: RunningServer, path: str, **fields: str) -> httpx.Response:
    """Open the page that asks, and press its button."""
    page = browser.get(path, headers=HTML)
    assert page.status_code == 200, page.text
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    data = {name: html.unescape(value) for name, value in hidden.items()} | fields
    return browser.post(path.partition("?")[0], data=data, headers={**HTML, **from_own_page(site)})


def acts_on_record(site: RunningServer, action: str) -> list[tuple[str, str]]:
    database = Database.open(site.database_url)
    try:
        with database.read() as session:
            return [(one.actor, one.subject) for one in AuditLog(session).page(action=action)]
    finally:
        database.close()


def test_only_administrators_see_any_of_it(site: RunningServer) -> None:
    """The matrix of routes and roles: 404 with good credentials, 401 without, and never a word of it."""
    acts = [f"/admin/{one.part}/{one.name}" for one in ACTS.values()]
    paths = ["/admin", *(f"/admin/{part}" for part in PARTS), *acts]
    roles = {
        scope: issue_token(site, f"{scope}@example.org", [scope])
        for scope in (Scope.READ, Scope.UPLOAD, Scope.PEER)
    }
    with site.client() as nobody:
        none = "/account/tokens/0123456789abcdef/revoke"
        absent = nobody.get(none, headers=HTML | bearer(roles[Scope.READ]))
        for path in paths:
            assert nobody.get(path, headers=HTML).status_code == 401, path
            for scope, secret in roles.items():
                answer = nobody.get(path, headers=HTML | bearer(secret))
                assert answer.status_code == absent.status_code == 404, (path, scope)
                assert shape(answer.text) == shape(absent.text), (path, scope)
    for scope, secret in roles.items():
        with site.client() as other:
            sign_in(other, site, secret)
            key = form_key(other.get("/account", headers=HTML).text)
            for path in acts:
                answer = other.post(path, data={**GIVEN, "key": key}, headers=HTML | from_own_page(site))
                assert answer.status_code == 404, (path, scope)


def shape(page: str) -> str:
    """A page without what differs from request to request."""
    return re.sub(r"[0-9a-f]{32}", "", page)


def test_every_act_asks_first_and_wants_the_form_of_this_session(
    site: RunningServer, browser: httpx.Client
) -> None:
    before = acts_on_record(site, "token.revoke")
    for one in ACTS.values():
        path = f"/admin/{one.part}/{one.name}"
        page = browser.get(path, params=GIVEN, headers=HTML)
        assert page.status_code == 200 and "Nothing happens before you press the button" in page.text
        assert one.button in html.unescape(page.text) and one.title in html.unescape(page.text)
        assert len(page.content) < 60_000
        for headers, key in (
            ({"Origin": "https://evil.example"}, form_key(page.text)),
            (from_own_page(site), "0" * 64),
        ):
            answer = browser.post(path, data={**GIVEN, "key": key}, headers={**HTML, **headers})
            assert answer.status_code == 403, path
    assert acts_on_record(site, "token.revoke") == before
    token = issue_token(site, BOSS, [Scope.ADMIN])
    with site.client() as bare:
        answer = bare.post("/admin/groups/create", data={"name": "bare"}, headers=HTML | bearer(token))
    assert answer.status_code == 403


@pytest.mark.parametrize("part", PARTS)
def test_each_list_is_there(browser: httpx.Client, part: str) -> None:
    page = browser.get(f"/admin/{part}", headers=HTML)
    assert page.status_code == 200 and len(page.content) < 60_000
    assert page.headers["Cache-Control"] == "no-store"


def test_addresses_that_are_none_are_absent(browser: httpx.Client) -> None:
    for path in (
        "/admin/x",
        "/admin/tokens/x",
        "/admin/x/create",
        "/admin/groups?name=none",
        "/admin/peers?name=none",
    ):
        assert browser.get(path, headers=HTML).status_code == 404, path
    for path in ("/admin/tokens?page=0", "/admin/tokens?page=x", "/admin/audit?before=x"):
        assert browser.get(path, headers=HTML).status_code == 400, path


def test_tokens_are_made_listed_and_revoked(site: RunningServer, browser: httpx.Client) -> None:
    made = act(
        browser,
        site,
        "/admin/tokens/create",
        owner="new@example.org",
        days="7",
        note="CI",
        **{"scope.read": "on"},
    )
    [secret] = set(re.findall(r"mpt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", made.text))
    name = secret.split("_")[1]
    listed = browser.get("/admin/tokens", params={"owner": "new@example.org"}, headers=HTML).text
    assert name in listed and secret not in listed
    assert browser.get("/api/v1/tokens", headers=bearer(secret)).status_code == 200
    gone = act(browser, site, f"/admin/tokens/revoke?name={name}")
    assert gone.status_code == 303
    assert "The token is revoked." in browser.get(gone.headers["Location"], headers=HTML).text
    assert browser.get("/api/v1/tokens", headers=bearer(secret)).status_code == 401
    assert (BOSS, name) in acts_on_record(site, "token.revoke")
    assert (BOSS, name) in acts_on_record(site, "token.create")


def test_a_person_is_signed_out_everywhere(site: RunningServer, browser: httpx.Client) -> None:
    with site.client() as other:
        sign_in(other, site, issue_token(site, "gone@example.org"))
        assert act(browser, site, "/admin/tokens/sign-out?owner=gone@example.org").status_code == 303
        assert other.get("/account", headers=HTML).status_code == 401
    assert (BOSS, "gone@example.org") in acts_on_record(site, "session.close-all")


def test_groups_and_members(site: RunningServer, browser: httpx.Client) -> None:
    assert (
        act(
            browser, site, "/admin/groups/create", name="made", members="a@example.org\r\nb@example.org"
        ).status_code
        == 303
    )
    assert act(browser, site, "/admin/groups/add?name=made", member="c@example.org").status_code == 303
    gone = act(browser, site, "/admin/groups/remove?name=made&member=a@example.org")
    page = browser.get(gone.headers["Location"], headers=HTML).text
    assert "The member is removed." in page
    assert [one in page for one in ("a@example.org", "b@example.org", "c@example.org")] == [False, True, True]
    again = act(browser, site, "/admin/groups/create", name="made")
    assert again.status_code == 409 and "is taken" in again.text
    bad = act(browser, site, "/admin/groups/create", name="Not A Name")
    assert bad.status_code == 400 and "is not a group name" in bad.text and "Not A Name" in bad.text
    assert act(browser, site, "/admin/groups/remove?name=made&member=a@example.org").status_code == 404
    assert act(browser, site, "/admin/groups/delete?name=made").status_code == 303
    assert "made" not in re.findall(r"name=([a-z]+)", browser.get("/admin/groups", headers=HTML).text)
    assert (BOSS, "made") in acts_on_record(site, "group.delete")


def test_peers_are_followed_looked_at_and_switched_off(
    site: RunningServer, browser: httpx.Client, tmp_path: Path
) -> None:
    keys = create_keys(tmp_path, "peer.example:1")
    key = keys.log.verifier
    found_group(site, "peered")
    assert (
        act(browser, site, "/admin/peers/add", url="http://127.0.0.1:1", log_key="no key").status_code == 400
    )
    added = act(
        browser,
        site,
        "/admin/peers/add",
        url="http://127.0.0.1:1",
        log_key=str(key),
        auth_key=str(keys.auth.verifier),
    )
    assert added.status_code == 303, added.text
    twice = act(browser, site, "/admin/peers/add", url="http://127.0.0.1:1", log_key=str(key))
    assert twice.status_code == 409
    name = "peer.example:1"
    for done in ("grant", "revoke"):
        assert act(browser, site, f"/admin/peers/{done}?name={name}&group=peered").status_code == 303
    for done in ("disable", "enable", "release", "restart", "pull"):
        assert act(browser, site, f"/admin/peers/{done}?name={name}").status_code == 303
    act(
        browser,
        site,
        f"/admin/peers/mirrors?name={name}",
        mirrors="http://127.0.0.1:2/\r\nhttp://127.0.0.1:3/",
    )
    act(browser, site, f"/admin/peers/disable?name={name}")
    pulled = act(browser, site, f"/admin/peers/pull?name={name}")
    assert pulled.status_code == 409 and "switched off" in pulled.text
    page = browser.get("/admin/peers", params={"name": name}, headers=HTML).text
    assert str(key) in html.unescape(page) and "127.0.0.1:3" in page and "disabled" in page
    assert name in browser.get("/admin/peers", headers=HTML).text
    assert (BOSS, name) in acts_on_record(site, "peer.disable")


def mails(site: RunningServer, *states: str) -> list[int]:
    """Mails in these states; their numbers."""
    database = Database.open(site.database_url)
    now = datetime.now(UTC)
    try:
        with database.write() as session:
            for number, state in enumerate(states):
                Outbox(session).enqueue(
                    "a@example.org", f"Mail {number}", "hidden body", f"{now}-{number}", now=now
                )
                row = session.query(OutgoingMail).order_by(OutgoingMail.id.desc()).first()
                assert row is not None
                row.state = state
            session.flush()
            return [row.id for row in session.query(OutgoingMail).order_by(OutgoingMail.id)][-len(states) :]
    finally:
        database.close()


def test_mail_is_sent_again_and_forgotten(site: RunningServer, browser: httpx.Client) -> None:
    dead, waiting, other = mails(site, "dead", "waiting", "dead")
    page = browser.get("/admin/mail", headers=HTML).text
    assert "Mail 0" in page and "hidden body" not in page and "mail.host is not set" in page.lower()
    assert act(browser, site, f"/admin/mail/drop?id={waiting}").status_code == 404
    assert act(browser, site, f"/admin/mail/drop?id={dead}").status_code == 303
    assert act(browser, site, f"/admin/mail/retry?id={other}").status_code == 303
    assert act(browser, site, "/admin/mail/retry?id=9999999").status_code == 404
    assert act(browser, site, "/admin/mail/retry?id=all").status_code == 303
    assert act(browser, site, "/admin/mail/retry?id=x").status_code == 400
    tested = act(browser, site, "/admin/mail/test", address="a@example.org")
    assert tested.status_code == 400 and "mail.host is not set" in tested.text.lower()
    assert (BOSS, str(dead)) in acts_on_record(site, "mail.drop")


def waiting_uploads(site: RunningServer, *states: str) -> list[int]:
    """Uploads in these states; their numbers."""
    database = Database.open(site.database_url)
    keys = []
    try:
        with database.write() as session:
            for state in states:
                entry = accept(signed(image(title=f"Upload {len(keys)}")))
                limits = PendingLimits(100, 100, 100, timedelta(days=1))
                one = PendingUploads(session).add(entry, "public", "127.0.0.0", limits, datetime.now(UTC))
                row = session.get(PendingUpload, one.key)
                assert row is not None
                row.state = state
                keys.append(one.key)
        return keys
    finally:
        database.close()


def test_uploads_that_wait_are_released_and_forgotten(site: RunningServer, browser: httpx.Client) -> None:
    frozen, waiting = waiting_uploads(site, "frozen", "waiting")
    page = browser.get("/admin/pending", headers=HTML).text
    assert f"release?id={frozen}" in page and f"release?id={waiting}" not in page
    assert act(browser, site, f"/admin/pending/release?id={waiting}").status_code == 404
    assert act(browser, site, f"/admin/pending/release?id={frozen}").status_code == 303
    for number in (frozen, waiting):
        assert act(browser, site, f"/admin/pending/drop?id={number}").status_code == 303
    assert act(browser, site, f"/admin/pending/drop?id={waiting}").status_code == 404
    assert "No uploads wait" in browser.get("/admin/pending", headers=HTML).text
    assert (BOSS, str(frozen)) in acts_on_record(site, "pending.release")


def test_audit_pages_lead_on(site: RunningServer, browser: httpx.Client) -> None:
    database = Database.open(site.database_url)
    with database.write() as session:
        for number in range(120):
            AuditLog(session).record("cli:many", "token.create", f"subject-{number:03}")
    database.close()
    path, seen = "/admin/audit?actor=cli:many", []
    for _ in range(4):
        page = browser.get(path, headers=HTML).text
        assert len(page.encode()) < 60_000
        seen += re.findall(r"subject-(\d{3})", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        if found is None:
            break
        path = html.unescape(found[1])
    assert seen == [f"{number:03}" for number in reversed(range(120))]


def test_a_million_values_make_no_heavy_page(site: RunningServer, browser: httpx.Client) -> None:
    """The longest values that each list can hold, more of them than a page shows."""
    database = Database.open(site.database_url)
    with database.write() as session:
        for number in range(60):
            note = "<" * 190 + f"{number:03}"
            TokenService(session).create(
                f"{'x' * 240}@{number:03}", list(Scope), by="cli:test", at=datetime.now(UTC), note=note
            )
    database.close()
    first = browser.get("/admin/tokens", headers=HTML)
    assert len(first.content) < 60_000 and "More rows" in first.text
    second = browser.get("/admin/tokens?page=2", headers=HTML)
    assert second.status_code == 200 and "31 to" in second.text


def test_erasing_asks_for_a_reason_and_names_an_entry(site: RunningServer, browser: httpx.Client) -> None:
    for fields, status in (
        ({"entry": "", "reason": "x"}, 400),
        ({"entry": "0" * 64, "reason": ""}, 400),
        ({"entry": "0" * 64, "reason": "asked to"}, 404),
        ({"entry": "a/b/c", "reason": "asked to"}, 400),
    ):
        answer = act(browser, site, "/admin/erase/entry", **fields)
        assert answer.status_code == status, answer.text
        assert 'role="alert"' in answer.text


def test_an_entry_is_erased(tmp_path: Path) -> None:
    with running_server(tmp_path, server_renewal="false") as own, own.client() as boss:
        kind = {"Content-Type": "application/rdf+xml"}
        put = boss.post("/metadata", content=signed(image()), headers=kind)
        where = put.headers["Location"].partition("/metadata/")[2]
        sign_in(boss, own, issue_token(own, BOSS, [Scope.ADMIN]))
        done = act(boss, own, f"/admin/erase/entry?entry={where}", reason="a court said so")
        assert done.status_code == 303, done.text
        assert "The entry is erased." in boss.get(done.headers["Location"], headers=HTML).text
        gone = boss.get(f"/metadata/{where}", headers=HTML)
        assert gone.status_code == 410 and "a court said so" in gone.text


def test_trust_files_are_read_again_and_lists_forgotten(site: RunningServer, browser: httpx.Client) -> None:
    page = browser.get("/admin/trust", headers=HTML).text
    assert "No anchors" in page and "No faults." in page
    assert act(browser, site, "/admin/trust/refresh").status_code == 303
    assert act(browser, site, "/admin/trust/forget?file=none.crl").status_code == 404


def test_a_notice_is_one_of_ours(browser: httpx.Client) -> None:
    page = browser.get("/admin/tokens", params={"done": "Call 555"}, headers=HTML).text
    assert "Call 555" not in page and 'role="status"' not in page
