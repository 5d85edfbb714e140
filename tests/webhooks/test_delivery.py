"""Deliveries: signed, in order, at least once, never where or to whom they must not go; on both databases."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook as Library
from standardwebhooks import WebhookVerificationError

from marketplace.db import Database
from marketplace.models import Webhook, WebhookDelivery
from marketplace.webhooks.definitions import OWN
from marketplace.webhooks.deliveries import MOST_KEPT, Deliveries
from marketplace.webhooks.errors import SecretKeyError, WebhookDefinitionError
from marketplace.webhooks.secrets import FILE
from tests.mail.server import make_certificate
from tests.mail.test_reminders import JANE
from tests.waiting import HANGING
from tests.webhooks.receiver import Receiver, answer, drip, flood, hang, receiving
from tests.webhooks.rig import BY, START, Rig, upload

ASTRO = "group:astro"


def test_an_event_arrives_signed_and_in_order(rig: Rig, receiver: Receiver) -> None:
    upload(rig, "before")
    rig.note()
    made = rig.make(receiver.url)
    upload(rig, "one", "two", "three")
    assert rig.run() == 3
    titles = [one.told["data"]["entry"]["title"] for one in receiver.came]
    assert titles == ["one", "two", "three"]
    assert rig.states(made) == [("sent", 1)] * 3
    (first, *_) = receiver.came
    # The library looks at its own clock; this site's is set.
    key = Library(made.secret)
    signature = key.sign(first.event_id, START.replace(tzinfo=None), first.body.decode())
    assert (first.headers["webhook-signature"], first.headers["webhook-timestamp"]) == (
        signature, str(int(START.timestamp())),
    )  # fmt: skip
    with pytest.raises(WebhookVerificationError):
        key.verify(first.body, first.headers)  # replayed: the time in it is over
    assert first.headers["content-type"] == "application/json"
    assert rig.run() == 0


def test_a_former_secret_signs_for_a_day(rig: Rig, receiver: Receiver) -> None:
    made = rig.make(receiver.url)
    with rig.database.write() as session:
        renewed = rig.sender.registry(session).rotate(made.hook.name, by=BY, at=rig.now)
    assert renewed.secret != made.secret

    def valid() -> list[bool]:
        upload(rig, str(rig.now))
        rig.run()
        last = receiver.came[-1]
        given = last.headers["webhook-signature"].split(" ")
        moment = rig.now.replace(tzinfo=None)
        keys = (Library(one.secret) for one in (made, renewed))
        return [key.sign(last.event_id, moment, last.body.decode()) in given for key in keys]

    assert valid() == [True, True]
    rig.wait(hours=25)
    assert valid() == [False, True]


UNKIND = {
    "500": (answer(500, b"<b>broken\x1b[2J</b>"), 500, "the receiver answers with 500"),
    "404": (answer(404), 404, "the receiver answers with 404"),
    "redirect": (None, 302, "redirects are not followed"),
    "hangs": (None, None, "no answer within 0.5 seconds"),
    "drips": (None, None, "no answer within 0.5 seconds"),
}


@pytest.mark.parametrize("kind", UNKIND)
def test_what_fails_is_tried_again_and_holds_up_what_is_behind(
    rig: Rig, receiver: Receiver, kind: str
) -> None:
    behave, status, reason = UNKIND[kind]
    end = threading.Event()
    with receiving() as inside:
        usual = {
            "redirect": answer(302, Location=inside.url),
            "hangs": hang(end),
            "drips": drip(end),
        }
        receiver.behaviours.append(behave or usual[kind])
        made = rig.make(receiver.url)
        upload(rig, "one", "two")
        rig.note()
        try:
            assert rig.send() == 1
        finally:
            end.set()
        assert inside.came == []
    failed, waiting = rig.deliveries(made)
    assert (failed.state, failed.attempts, failed.status, waiting.attempts) == ("waiting", 1, status, 0)
    assert reason in str(failed.error)
    assert failed.answer.isprintable()
    assert failed.due_at == rig.now + timedelta(seconds=30)
    assert rig.hook(made).state == "failing"
    rig.wait(seconds=29)
    assert rig.send() == 0
    rig.wait(seconds=1)
    assert rig.send() == 2
    assert [one.event_id for one in receiver.came].count(failed.event_id) == 2
    assert rig.states(made) == [("sent", 2), ("sent", 1)]
    assert rig.hook(made).state == "ok"


def test_one_that_hangs_does_not_hold_up_another(rig: Rig, receiver: Receiver) -> None:
    end = threading.Event()
    with receiving() as slow:
        slow.always = hang(end)
        rig.make(slow.url)
        rig.make(receiver.url)
        upload(rig, "one")
        rig.note()
        first = rig.sender.take()
        assert first is not None
        try:
            assert rig.send() == 1  # the first is claimed: the other goes on without it
            first()
        finally:
            end.set()
    assert len(receiver.came) == 1


def test_an_answer_without_end_is_read_to_a_bound(rig: Rig, receiver: Receiver) -> None:
    receiver.behaviours.append(flood)
    made = rig.make(receiver.url)
    upload(rig, "one")
    rig.run()
    (sent,) = rig.deliveries(made)
    assert (sent.state, len(sent.answer)) == ("sent", 500)


def test_gone_disables_at_once_and_its_owner_is_told(rig: Rig, receiver: Receiver) -> None:
    receiver.behaviours.append(answer(410))
    made = rig.make(receiver.url, OWN, JANE)
    upload(rig, "one", "two")
    assert rig.run() == 1
    assert rig.hook(made).state == "disabled"
    ((recipient, body),) = rig.mails()
    assert (recipient, "410 Gone" in body, receiver.url in body) == (JANE, True, True)
    upload(rig, "three")
    assert rig.run() == 0
    with rig.database.write() as session:
        rig.sender.registry(session).enable(made.hook.name, by=BY, at=rig.now)
    upload(rig, "four")
    rig.run()
    titles = [one.told["data"]["entry"]["title"] for one in receiver.came]
    assert titles == ["one", "two", "four"]  # what waited, and what came after it was enabled


def test_given_up_after_days_and_disabled_after_more(rig: Rig, receiver: Receiver) -> None:
    receiver.always = answer(503)
    made = rig.make(receiver.url)
    upload(rig, "one")
    attempts = rig.run()
    while rig.states(made)[0][0] == "waiting":
        rig.now = rig.deliveries(made)[0].due_at
        attempts += rig.send()
    assert rig.states(made) == [("dead", attempts)]
    assert timedelta(hours=72) < rig.now - START <= timedelta(hours=78)
    upload(rig, "two")
    while rig.hook(made).state != "disabled":
        rig.run()
        rig.now = max(one.due_at for one in rig.deliveries(made))
    assert timedelta(hours=120) < rig.now - START <= timedelta(hours=132)
    assert "no event arrived for 120 hours" in str(rig.hook(made).disabled_reason)
    assert [recipient for recipient, _ in rig.mails()] == ["root@mp.example.org"]
    assert rig.send() == 0


def test_a_process_that_dies_between_answer_and_note_sends_again(rig: Rig, receiver: Receiver) -> None:
    made = rig.make(receiver.url)
    upload(rig, "one")
    rig.note()
    other = Rig(rig.database, rig.data)
    died = other.sender.take()
    assert died is not None
    assert rig.send() == 0
    rig.wait(seconds=7)
    assert rig.send() == 1
    other.now = rig.now
    died()  # it was not dead, only slow: it has no say any more
    assert [one.event_id for one in receiver.came] == [rig.deliveries(made)[0].event_id] * 2
    assert rig.states(made) == [("sent", 2)]


def test_two_processes_send_each_event_once(rig: Rig, receiver: Receiver) -> None:
    made = [rig.make(receiver.url) for _ in range(3)]
    upload(rig, *[str(n) for n in range(8)])
    rig.noter.note()
    # Where a busy machine answers late nobody tries again: the clock stands.
    patient = {"webhooks.timeout": "30"}
    both, start = [Rig(rig.database, rig.data, patient) for _ in range(2)], threading.Barrier(2)

    def run(one: Rig) -> int:
        start.wait(HANGING)
        attempts = 0
        while any(
            state == "waiting" or not state for hook in made for state, _ in one.states(hook)
        ) or not all(one.states(hook) for hook in made):
            one.note()
            attempts += one.send()
        return attempts

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(run, both)) == 24
    assert len(receiver.came) == 24
    titles = [one.told["data"]["entry"]["title"] for one in receiver.came]
    assert sorted(titles) == sorted([str(n) for n in range(8)] * 3)


def test_a_certificate_that_nobody_trusts_is_refused(database: Database, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with receiving(tls) as receiver:
        rig = Rig(database, tmp_path)
        made = rig.make(receiver.url)
        upload(rig, "one")
        rig.run()
        assert receiver.came == []
        assert "CERTIFICATE_VERIFY_FAILED" in str(rig.deliveries(made)[0].error)
        trusting = Rig(
            database, tmp_path, {"webhooks.ca_file": str(certificate)}, rig.now + timedelta(minutes=1)
        )
        assert trusting.send() == 1
        assert len(receiver.came) == 1


def test_the_log_has_failures_first_and_forgets(rig: Rig, receiver: Receiver) -> None:
    made = rig.make(receiver.url)
    upload(rig, "one", "two", "three")
    rig.note()
    rig.send(1)
    receiver.behaviours.append(answer(500))
    rig.send(1)
    assert [(one.state, one.attempts) for one in rig.deliveries(made)] == [
        ("waiting", 1), ("waiting", 0), ("sent", 1),
    ]  # fmt: skip
    rig.wait(minutes=1)
    rig.send()
    newest, oldest = rig.deliveries(made)[0], rig.deliveries(made)[-1]
    with rig.database.write() as session:
        again = Deliveries(session).redeliver(made.hook, oldest.event_id, by=BY, at=rig.now)
    assert (again.state, again.attempts) == ("waiting", 0)
    assert rig.send() == 1
    assert receiver.came[-1].event_id == oldest.event_id
    with rig.database.write() as session:
        rows = [
            {
                "webhook_id": made.hook.key, "event_id": f"old {n}", "kind": "x", "state": "dead",
                "attempts": 1, "created_at": rig.now, "due_at": rig.now, "finished_at": rig.now, "answer": "",
            }
            for n in range(MOST_KEPT)
        ]  # fmt: skip
        session.execute(WebhookDelivery.__table__.insert(), rows)
    rig.sender.forget_old()
    assert len(rig.deliveries(made)) == MOST_KEPT
    assert newest.event_id not in {one.event_id for one in rig.deliveries(made)}
    rig.wait(days=31)
    rig.sender.forget_old()
    assert rig.deliveries(made) == []


def test_the_database_alone_signs_nothing(rig: Rig, receiver: Receiver) -> None:
    made = rig.make(receiver.url)
    key = rig.data / FILE
    assert key.stat().st_mode & 0o777 == 0o600
    with rig.database.read() as session:
        stored = session.scalars(select(Webhook.secret)).one()
    assert made.secret.removeprefix("whsec_") not in stored
    kept = key.read_bytes()
    key.unlink()
    upload(rig, "one")
    rig.run()
    assert receiver.came == []
    assert str(key) in str(rig.deliveries(made)[0].error)
    other = rig.make(receiver.url)  # makes another key
    rig.wait(minutes=1)
    rig.send()
    assert "is not the key" in str(rig.deliveries(made)[0].error)
    assert rig.hook(other).state == "ok"
    key.chmod(0o644)
    with pytest.raises(SecretKeyError, match="chmod 600"):
        rig.make(receiver.url)
    key.write_bytes(kept)
    key.chmod(0o600)
    rig.wait(hours=1)
    rig.send()
    assert [one.event_id for one in receiver.came] == [rig.deliveries(made)[0].event_id]


def test_a_test_goes_before_everything_else(rig: Rig, receiver: Receiver) -> None:
    made = rig.make(receiver.url)
    upload(rig, "one")
    rig.note()
    receiver.behaviours.append(answer(200, b"hello"))
    came = rig.sender.send_test(made.hook, by=BY)
    assert (came.state, came.status, came.answer) == ("sent", 200, "hello")
    assert receiver.came[0].told["type"] == "webhook.test"
    assert receiver.came[0].event_id == came.event_id


def test_twenty_webhooks_of_one_owner(rig: Rig) -> None:
    for _ in range(20):
        rig.make("https://example.org/hook")
    with pytest.raises(WebhookDefinitionError, match="20 webhooks already"):
        rig.make("https://example.org/hook")
    rig.make("https://example.org/hook", OWN, JANE)
    with rig.database.write() as session:
        session.execute(update(Webhook).values(position=0))
