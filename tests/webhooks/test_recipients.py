"""Who hears of what: rights that end, kinds and audiences, what is erased."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from marketplace.access import Scope
from marketplace.accounts import GroupService, TokenService
from marketplace.db import Database
from marketplace.ingest.erasing import ErasingService
from marketplace.webhooks.definitions import OWN, SITE
from tests.factories.entries import accepted
from tests.mail.site_receipts import notices, withdrawn
from tests.mail.test_reminders import JANE, store
from tests.webhooks.receiver import Receiver, answer
from tests.webhooks.rig import BY, START, Rig, upload

ASTRO = "group:astro"


def test_a_member_who_left_is_told_nothing_more(rig: Rig, receiver: Receiver) -> None:
    rig.group("astro", JANE)
    token = rig.token(JANE, Scope.READ)
    made = rig.make(receiver.url, ASTRO, JANE, token=token)
    outsider = rig.make(receiver.url)
    upload(rig, "one", log=ASTRO)
    rig.run()
    assert rig.states(outsider) == []
    assert [one.told["data"]["log"] for one in receiver.came] == [ASTRO]
    upload(rig, "two", log=ASTRO)
    rig.note()  # owed while she was a member
    with rig.database.write() as session:
        GroupService(session).remove("astro", JANE, by=BY, at=rig.now)
    assert rig.send() == 1
    assert len(receiver.came) == 1
    assert rig.hook(made).disabled_reason == f"{JANE} is no longer a member of the group astro"
    assert "no longer a member" in rig.mails()[-1][1]


@pytest.mark.parametrize("how", ["revoked", "expired", "deleted group"])
def test_rights_that_ended_end_the_webhook(rig: Rig, receiver: Receiver, how: str) -> None:
    rig.group("astro", JANE)
    with rig.database.write() as session:
        issued = TokenService(session).create(
            JANE, [Scope.READ, Scope.ADMIN], by=BY, at=rig.now, expires_at=rig.now + timedelta(days=1)
        )
    made = rig.make(receiver.url, ASTRO if how == "deleted group" else SITE, JANE, token=issued.token.name)
    with rig.database.write() as session:
        if how == "revoked":
            TokenService(session).revoke(issued.token.name, by=BY, at=rig.now)
            TokenService(session).create(
                JANE, [Scope.ADMIN], by=BY, at=rig.now
            )  # of no help: it may be a thief's
        elif how == "deleted group":
            GroupService(session).delete("astro", by=BY, at=rig.now)
    rig.wait(days=2 if how == "expired" else 0)
    upload(rig, "one", log=made.hook.log)
    assert rig.run() == 0
    assert (receiver.came, rig.hook(made).state) == ([], "disabled")


def test_who_hears_of_what(rig: Rig, receiver: Receiver) -> None:
    own = rig.make(receiver.url, OWN, JANE)
    tagged = rig.make(receiver.url, tag="lts")
    bobs = rig.make(receiver.url, endorser="bob@example.org")
    viewed = rig.make(receiver.url, view="default")
    upload(rig, "jane", tags=("lts",))
    upload(rig, "bob", email="bob@example.org")
    rig.entries = None
    rig.note()
    assert rig.states(viewed) == []  # the view cannot be made now: nothing is missed
    rig.entries = {accepted("bob", "bob@example.org", title="bob").entry_id}
    rig.note()

    def told(made: object) -> list[str]:
        mine = {one.event_id for one in rig.deliveries(made)}
        return sorted(
            one.subject.title or ""
            for one in events(rig) if one.event_id in mine and one.subject
        )  # fmt: skip

    assert (told(own), told(tagged), told(bobs), told(viewed)) == (["jane"], ["jane"], ["bob"], ["bob"])


def events(rig: Rig) -> list:
    from tests.webhooks.test_events import seen

    return seen(rig.database)


def test_a_recall_names_the_copies_to_whom_they_concern(rig: Rig, receiver: Receiver) -> None:
    hooks = {
        "administrator": rig.make(receiver.url),
        "endorser": rig.make(receiver.url, OWN, JANE),
        "site": rig.make(receiver.url, OWN, "ops@orsay.example"),
        "stranger": rig.make(receiver.url, OWN, "mallory@example.org"),
    }
    withdrawn(rig.database)
    rig.note()
    rig.send()
    receiver.came.clear()
    notices(rig.database, START + timedelta(hours=2))
    rig.run()
    assert {name: len(rig.deliveries(made)) for name, made in hooks.items()} == {
        "administrator": 3, "endorser": 3, "site": 1, "stranger": 0,
    }  # fmt: skip
    assert [one.told["type"] for one in receiver.came] == ["image.recalled"] * 3
    for one in receiver.came:
        assert [copy["site"] for copy in one.told["data"]["copies"]] == ["lab-orsay"]


def test_erasing_takes_what_waits_and_what_was_answered(rig: Rig, receiver: Receiver) -> None:
    receiver.behaviours.append(answer(200, b"thanks for Jane's image"))
    made = rig.make(receiver.url)
    one = accepted("one", JANE)
    store(rig.database, one, accepted("two", JANE))
    rig.note()
    rig.send(1)
    rig.sender.take()  # the second is on its way
    for name in (one.entry_id, accepted("two", JANE).entry_id):
        ErasingService(rig.database, lambda: rig.now).erase(name, "asked", BY)
    assert rig.deliveries(made) == []
    rig.run()
    assert receiver.kinds() == ["entry.accepted", "entry.erased", "entry.erased"]
    assert JANE.encode() not in receiver.came[-1].body


def test_an_import_waits_as_events_and_not_as_deliveries(
    database: Database, tmp_path: Path, receiver: Receiver
) -> None:
    rig = Rig(database, tmp_path, most_waiting=4)
    made = rig.make(receiver.url)
    upload(rig, *[str(n) for n in range(11)])
    rig.note()
    assert len(rig.deliveries(made)) == 4
    while rig.run():
        pass
    titles = [one.told["data"]["entry"]["title"] for one in receiver.came]
    assert titles == [str(n) for n in range(11)]
