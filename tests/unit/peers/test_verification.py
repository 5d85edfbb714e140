"""Proving entries in processes of their own."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator

import pytest

from marketplace.peers.acceptance.pool import Verification
from marketplace.peers.acceptance.protocol import (
    BrokenVerdictError,
    Refusal,
    read_bodies,
    read_verdicts,
    write_bodies,
)
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept
from validators.document import AcceptedEntry


@pytest.fixture(scope="module")
def verification() -> Iterator[Verification]:
    pool = Verification(2)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def documents() -> list[bytes]:
    identity = make_identity()
    return [signed(image(content=f"image {n}", title=f"Number {n}"), identity) for n in range(70)]


def test_entries_come_as_acceptance_makes_them(verification: Verification, documents: list[bytes]) -> None:
    assert verification.verify(documents) == [accept(data) for data in documents]


def test_a_refused_body_does_not_stop_the_others(verification: Verification, documents: list[bytes]) -> None:
    good, tampered = documents[0], documents[1].replace(b"Number 1", b"Number 2")
    verdicts = verification.verify([good, b"", tampered, good, b"<!DOCTYPE x>"])
    kinds = [type(one) for one in verdicts]
    assert kinds == [AcceptedEntry, Refusal, Refusal, AcceptedEntry, Refusal]
    assert all(isinstance(one, AcceptedEntry) or one.code for one in verdicts)


def test_a_killed_process_is_replaced(verification: Verification, documents: list[bytes]) -> None:
    verification.verify(documents)
    killed = [number for one in verification._all if (number := one.process.process_id) is not None]
    assert killed
    for number in killed:
        os.kill(number, signal.SIGKILL)
    assert all(isinstance(one, AcceptedEntry) for one in verification.verify(documents))


def test_nothing_is_a_valid_request(verification: Verification) -> None:
    assert verification.verify([]) == []


def test_bodies_survive_the_way(documents: list[bytes]) -> None:
    assert read_bodies(write_bodies([*documents, b""])) == [*documents, b""]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize("answer", [[Evil()], ["text"], {"a": 1}, [len], [None]])
def test_an_answer_holds_verdicts_and_nothing_else(answer: object) -> None:
    with pytest.raises(BrokenVerdictError):
        read_verdicts(pickle.dumps(answer))


def test_a_broken_answer_is_noticed() -> None:
    for data in (b"", b"\x80", b"nonsense", pickle.dumps([Refusal("a", "b")])[:-3]):
        with pytest.raises(BrokenVerdictError):
            read_verdicts(data)
