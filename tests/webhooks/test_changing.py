"""Webhooks changed, paused and given secrets; many of them, and clocks that jump; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, update
from standardwebhooks import Webhook as Library

from marketplace.access import Principal, Scope
from marketplace.audit import AuditLog
from marketplace.models import Webhook, WebhookDelivery
from marketplace.webhooks.definitions import OWN, SITE, EventFilters, Hook
from marketplace.webhooks.errors import NotOwnerError, WebhookDefinitionError
from marketplace.webhooks.registry import MOST_OF_OWNER
from marketplace.webhooks.rights import verify_may_change
from marketplace.webhooks.sending import MOST_OF_OWNER_AT_ONCE
from tests.mail.test_reminders import JANE
from tests.webhooks.receiver import Receiver, answer, receiving
from tests.webhooks.rig import BY, START, Rig, upload


def change(rig: Rig, hook: Hook, token: str | None = None, **given: object) -> Hook:
    asked = replace(hook.asked, **given)
    with rig.database.write() as session:
        return rig.sender.registry(session).change(hook.name, asked, token=token, by=BY, at=rig.now)


def titles(receiver: Receiver) -> list[str]:
    return [one.told["data"]["entry"]["title"] for one in receiver.came]


def test_what_waits_goes_to_the_new_address_at_once(rig: Rig, receiver: Receiver) -> None:
    with receiving() as broken:
        broken.always = answer(500)
        made = rig.make(broken.url)
        upload(rig, "one", "two")
        rig.run()
        assert rig.hook(made).state == "failing"
        changed = change(rig, made.hook, url=receiver.url)
        assert (changed.state, changed.url) == ("ok", receiver.url)
        assert rig.send() == 2
        assert (titles(receiver), len(broken.came)) == (["one", "two"], 1)


def test_other_filters_count_from_then_on(rig: Rig, receiver: Receiver) -> None:
    made = rig.make(receiver.url, tag="lts")
    upload(rig, "one", tags=("lts",))
    rig.run()
    change(rig, made.hook, filters=EventFilters(endorser="bob@example.org"), description="only Bob")
    upload(rig, "two", tags=("lts",))
    upload(rig, "three", email="bob@example.org")
    rig.run()
    assert titles(receiver) == ["one", "three"]
    assert rig.hook(made).asked.description == "only Bob"
    with rig.database.read() as session:
        acts = [(one.action, one.details) for one in AuditLog(session).page(action="webhook.change")]
    assert [action for action, _ in acts] == ["webhook.change"]


def test_what_cannot_be_leaves_everything_as_it_was(rig: Rig, receiver: Receiver) -> None:
    made = rig.make(receiver.url, OWN, JANE, tag="lts")
    for wrong in (
        {"url": "https://10.0.0.1/"},
        {"filters": EventFilters(view="x" * 60_000)},
        {"audience": SITE},
    ):
        with pytest.raises(WebhookDefinitionError) as refused:
            change(rig, made.hook, **wrong)
        assert len(str(refused.value)) < 300
    assert rig.hook(made) == made.hook


def test_the_token_that_changed_it_takes_it_along(rig: Rig, receiver: Receiver) -> None:
    """Whoever stole a token may have changed the address with it."""
    first, second = (rig.token(JANE, Scope.READ) for _ in "12")
    made = rig.make(receiver.url, OWN, JANE, token=first)
    assert change(rig, made.hook, token=second, description="moved").token == second
    assert change(rig, made.hook).token == second  # an operator has none


def test_who_may_change_a_webhook(rig: Rig, receiver: Receiver) -> None:
    rig.group("astro", JANE)
    logs = frozenset({"public", "group:astro"})
    jane = Principal(JANE, logs, frozenset({Scope.READ}), token="1" * 16)
    boss = Principal("boss@example.org", logs, frozenset(Scope), token="2" * 16)
    groups = rig.make(receiver.url, "group:astro", JANE).hook
    own, every = rig.make(receiver.url, OWN, JANE).hook, rig.make(receiver.url, SITE, JANE).hook
    with rig.database.read() as session:
        verify_may_change(session, jane, groups)
        verify_may_change(session, jane, own)
        verify_may_change(session, boss, own)
        verify_may_change(session, boss, every)
        with pytest.raises(NotOwnerError):
            verify_may_change(session, boss, groups)
        # Her token that only reads must not say where what administrators may know goes.
        with pytest.raises(WebhookDefinitionError, match="scope admin"):
            verify_may_change(session, jane, every)


def test_a_secret_that_is_brought_along_signs_and_the_former_one_for_a_day(
    rig: Rig, receiver: Receiver
) -> None:
    made, mine = rig.make(receiver.url), bytes(range(40))
    with rig.database.write() as session:
        registry = rig.sender.registry(session)
        brought = registry.rotate(made.hook.name, secret=mine, by=BY, at=rig.now)
        again = registry.rotate(made.hook.name, secret=mine, by=BY, at=rig.now + timedelta(hours=1))
    assert again.secret == brought.secret
    assert again.hook.rotating_until == rig.now + timedelta(days=1)  # the same one again changes nothing
    upload(rig, "one")
    rig.run()
    (came,) = receiver.came
    moment = START.replace(tzinfo=None)
    signatures = [
        Library(one.secret).sign(came.event_id, moment, came.body.decode()) for one in (brought, made)
    ]
    assert came.headers["webhook-signature"].split(" ") == signatures


def test_enabled_again_what_waits_goes_at_once(rig: Rig, receiver: Receiver) -> None:
    receiver.behaviours += [answer(500)]
    made = rig.make(receiver.url)
    upload(rig, "one")
    rig.run()
    with rig.database.write() as session:
        registry = rig.sender.registry(session)
        registry.disable(made.hook.name, "holidays", by=BY, at=rig.now)
    upload(rig, "missed")
    assert rig.run() == 0
    with rig.database.write() as session:
        rig.sender.registry(session).enable(made.hook.name, by=BY, at=rig.now)
    upload(rig, "later")
    assert rig.run() == 2
    assert titles(receiver) == ["one", "one", "later"]


def test_one_owner_does_not_take_all_turns(rig: Rig, receiver: Receiver) -> None:
    """Receivers that hang hold up their own owner."""
    for _ in range(MOST_OF_OWNER):
        rig.make(receiver.url, OWN, JANE)
    with pytest.raises(WebhookDefinitionError, match="delete one first"):
        rig.make(receiver.url, OWN, JANE)
    other = rig.make(receiver.url)
    upload(rig, "one")
    rig.note()
    taken = [rig.sender.take() for _ in range(MOST_OF_OWNER_AT_ONCE + 1)]
    last = taken.pop()
    assert last is not None
    last()
    assert rig.states(other) == [("sent", 1)]
    assert (rig.sender.is_due(), rig.sender.take()) == (False, None)
    for one in taken:
        assert one is not None
        one()
    assert rig.send() == MOST_OF_OWNER - MOST_OF_OWNER_AT_ONCE


def test_thousands_of_webhooks_that_want_nothing_cost_few_transactions(rig: Rig, receiver: Receiver) -> None:
    made, many = rig.make(receiver.url), 2000
    rows = [
        {
            "name": f"{number:016x}", "url": receiver.url, "owner": f"{number % 100}@example.org",
            "audience": SITE, "description": "", "filters": EventFilters(tag=f"tag {number % 50}").to_json(),
            "secret": "", "position": 0, "created_at": rig.now,
        }
        for number in range(many)
    ]  # fmt: skip
    with rig.database.write() as session:
        session.execute(insert(Webhook), rows)
    upload(rig, "one")
    statements: list[str] = []
    heard = rig.database.engine
    event.listen(heard, "before_cursor_execute", lambda *given: statements.append(given[2]))
    rig.note()
    written = [one for one in statements if one.lstrip().startswith(("UPDATE", "INSERT", "DELETE"))]
    assert (len(statements) < 200, len(written) < 20) == (True, True), (len(statements), len(written))
    assert rig.send() == 1
    assert len(rig.deliveries(made)) == 1
    with rig.database.read() as session:
        assert len(set(session.scalars(select(Webhook.position)))) == 1


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_jumped_and_came_back_holds_nothing_up(rig: Rig, receiver: Receiver, days: int) -> None:
    receiver.behaviours.append(answer(500))
    made = rig.make(receiver.url)
    rig.wait(days=days)
    upload(rig, "one")
    rig.run()
    assert rig.states(made) == [("waiting", 1)]
    rig.wait(days=-days, minutes=1)
    assert rig.send() == 1
    assert rig.states(made) == [("sent", 2)]


def test_a_clock_that_jumps_ahead_gives_no_event_up_and_disables_nothing(
    rig: Rig, receiver: Receiver
) -> None:
    receiver.behaviours += [answer(500)] * 3
    made = rig.make(receiver.url)
    upload(rig, "one")
    rig.run()
    for attempts in (2, 3):
        rig.wait(days=400)
        assert rig.send() == 1
        assert (rig.states(made), rig.hook(made).state) == ([("waiting", attempts)], "failing")
    rig.wait(days=-800, minutes=5)
    assert rig.send() == 1
    assert rig.states(made) == [("sent", 4)]


def test_an_event_that_waits_for_a_new_address_has_its_whole_time_again(rig: Rig, receiver: Receiver) -> None:
    receiver.always = answer(503)
    made = rig.make(receiver.url)
    upload(rig, "one")
    rig.run()
    for _ in range(5):
        rig.wait(hours=6)
        rig.send()
    assert rig.states(made) == [("waiting", 6)]
    change(rig, made.hook, url=f"{receiver.url}/other")
    rig.send()
    assert rig.states(made) == [("waiting", 1)]


def test_a_claim_of_a_time_that_never_was_is_no_claim(rig: Rig, receiver: Receiver) -> None:
    """The process that claimed it has ended, and its clock was wrong."""
    made = rig.make(receiver.url)
    upload(rig, "one")
    rig.note()
    with rig.database.write() as session:
        claimed = {"claimed_by": "gone", "claimed_until": rig.now + timedelta(days=400), "attempts": 1}
        session.execute(update(WebhookDelivery).values(**claimed))
    assert rig.send() == 1
    assert rig.states(made) == [("sent", 2)]
