"""What a peer is asked beside its rows: what is shown of wrong answers, and when it is asked again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.db import Database
from marketplace.peers.administration import PeerAdministration
from marketplace.peers.errors import (
    ContactError,
    MalformedError,
    TooSlowError,
    UnreachableError,
    WithheldError,
)
from marketplace.peers.model import Peer, Question
from marketplace.peers.overview import public_peer
from marketplace.peers.pull.side_requests import PERSISTENT, Questions
from marketplace.peers.registry.answer_faults import AnswerFaults
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.note import SigningKey

KEY = SigningKey("mp-z.example", Ed25519PrivateKey.generate())
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Asked:
    """A site that asks one peer."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.means: Any = SimpleNamespace(database=database, clock=lambda: NOW)
        with database.write() as session:
            self.peer: Peer = Peers(session).add("http://127.0.0.1:1", KEY.verifier, None, NOW)
        self.questions = Questions(self.means, self.peer)

    def fail(self, error: ContactError, question: Question = Question.SETS, origin: str = "") -> None:
        def asking() -> str:
            raise error

        assert self.questions.ask(question, asking, origin=origin) is None

    def shown(self) -> list[tuple[str, str, str]]:
        with self.database.read() as session:
            return [
                (one.question.value, one.origin, one.code) for one in AnswerFaults(session).of(self.peer.id)
            ]


@pytest.fixture
def asked(database: Database) -> Iterator[Asked]:
    yield Asked(database)


def test_some_wrong_answers_in_a_row_are_shown_until_a_right_one_comes(asked: Asked) -> None:
    for _ in range(PERSISTENT - 1):
        asked.fail(MalformedError("no JSON"))
    assert asked.shown() == []
    asked.fail(MalformedError("no JSON\x00"))
    assert asked.shown() == [("sets", "", "peer.malformed")]
    asked.fail(TooSlowError("nothing comes"))
    assert asked.shown() == [("sets", "", "peer.too-slow")]
    (record,) = PeerAdministration(asked.database, "test", lambda: NOW).record(asked.peer.name)["faults"]
    assert (record["since"], record["reason"]) == ("2026-01-01T00:00:00Z", "nothing comes")
    # Another process, or this one after a restart, knows what is shown.
    assert Questions(asked.means, asked.peer).ask(Question.SETS, lambda: "right") == "right"
    assert asked.shown() == []


def test_a_peer_that_is_not_there_has_no_faults(asked: Asked) -> None:
    for _ in range(PERSISTENT + 1):
        asked.fail(UnreachableError("gone"))
    assert asked.shown() == []


def test_an_answer_that_can_be_used_may_be_wrong_all_the_same(asked: Asked) -> None:
    wrong = WithheldError("it lists what it does not have")
    assert asked.questions.ask(Question.SETS, lambda: 7, lambda answer: wrong if answer else None) == 7
    assert asked.shown() == [("sets", "", "peer.withheld")]
    assert asked.questions.ask(Question.SETS, lambda: 0, lambda answer: wrong if answer else None) == 0
    assert asked.shown() == []


def test_each_question_has_a_pause_of_its_own(asked: Asked) -> None:
    assert asked.questions.may_ask(Question.SETS)
    asked.fail(MalformedError("busy", retry_after=10.0**9))
    assert not asked.questions.may_ask(Question.SETS) and asked.questions.is_put_off(Question.SETS)
    assert asked.questions.may_ask(Question.DESCRIPTION)
    asked.fail(MalformedError("no JSON"), Question.DESCRIPTION)
    assert not asked.questions.is_put_off(Question.DESCRIPTION)


def test_what_is_asked_about_a_private_log_is_told_to_nobody_else(asked: Asked) -> None:
    private, public = "mp-z.example/g/7f", "mp-z.example/public"
    for origin in (private, public):
        for _ in range(PERSISTENT):
            asked.fail(MalformedError(f"of {origin}"), origin=origin)
    assert len(asked.shown()) == 2
    (status,) = PeerAdministration(asked.database, "test", lambda: NOW).all()
    assert public_peer(status).faults == {"sets": "peer.malformed"}
    asked.questions.ask(Question.SETS, lambda: "right", origin=public)
    (status,) = PeerAdministration(asked.database, "test", lambda: NOW).all()
    assert public_peer(status).faults == {}
