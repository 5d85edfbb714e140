"""Uploads that wait for a database that stores nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pytest

from marketplace.ingest import StoreUnavailableError
from marketplace.ingest.items import IngestResult
from marketplace.ingest.upload_slots import UploadSlots
from marketplace.thread_slots import ThreadSlots
from tests.waiting import HANGING

T = TypeVar("T")


def in_another_thread(act: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result(HANGING)


def stored() -> Future[IngestResult]:
    answer: Future[IngestResult] = Future()
    answer.set_exception(UserWarning("stored"))
    return answer


def test_when_the_database_does_not_move_some_uploads_wait_and_others_are_told() -> None:
    slots = ThreadSlots(1, stalled=0.0)
    room = UploadSlots(slots)

    def upload() -> None:
        with pytest.raises(StoreUnavailableError, match="stores nothing"):
            room.wait(lambda: pytest.fail("it was handed over"))

    with slots.take():
        with slots.take(), pytest.raises(UserWarning):
            room.wait(stored)  # a thread needs one place, whatever it does within
        in_another_thread(upload)
    with pytest.raises(UserWarning):
        room.wait(stored)


def test_while_the_database_moves_every_thread_may_wait_for_it() -> None:
    slots = ThreadSlots(1, stalled=HANGING)
    with slots.take(), pytest.raises(UserWarning):
        in_another_thread(lambda: UploadSlots(slots).wait(stored))


def test_who_has_no_place_waits_until_the_database_counts_as_one_that_stores_nothing() -> None:
    slots = ThreadSlots(1, stalled=0.1)
    with slots.take(), pytest.raises(StoreUnavailableError, match="upload it again, it is stored once"):
        in_another_thread(lambda: UploadSlots(slots).wait(Future))


def test_who_comes_behind_waits_for_a_place_while_the_database_moves() -> None:
    slots, came = ThreadSlots(1, stalled=HANGING), threading.Event()

    def wait() -> bool:
        came.set()
        with slots.take():
            return True

    with ThreadPoolExecutor(1) as pool:
        with slots.take():
            behind = pool.submit(wait)
            assert came.wait(HANGING)
        assert behind.result(HANGING)


def test_an_upload_that_waited_for_long_is_told_that_it_may_be_sent_again() -> None:
    with pytest.raises(StoreUnavailableError, match="upload it again, it is stored once"):
        UploadSlots(ThreadSlots(1), longest=0.0).wait(Future)


def test_what_the_writer_found_reaches_whoever_waits() -> None:
    answer: Future[IngestResult] = Future()
    threading.Thread(target=lambda: answer.set_exception(StoreUnavailableError("gone"))).start()
    with pytest.raises(StoreUnavailableError, match="gone"):
        UploadSlots(ThreadSlots(1)).wait(lambda: answer)
