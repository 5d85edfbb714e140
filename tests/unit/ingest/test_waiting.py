"""Uploads that wait for a database that stores nothing."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from marketplace.ingest import StoreUnavailableError
from marketplace.ingest.items import IngestResult
from marketplace.ingest.waiting import WaitingRoom


def test_when_the_database_does_not_move_some_uploads_wait_and_others_are_told_at_once() -> None:
    room = WaitingRoom(2, stalled=0.0)
    with room.place():
        with room.place(), pytest.raises(StoreUnavailableError, match="stores nothing"), room.place():
            pytest.fail("a third one waits")
        with room.place():
            pass


def test_uploads_wait_side_by_side_while_the_database_moves() -> None:
    room = WaitingRoom(1, stalled=3600.0)
    with room.place(), room.place(), room.place():
        pass


def test_an_upload_that_waited_for_long_is_told_that_it_may_be_sent_again() -> None:
    with pytest.raises(StoreUnavailableError, match="upload it again, it is stored once"):
        WaitingRoom(1, longest=0.0).wait(Future())


def test_what_the_writer_found_reaches_whoever_waits() -> None:
    answer: Future[IngestResult] = Future()
    threading.Thread(target=lambda: answer.set_exception(StoreUnavailableError("gone"))).start()
    with pytest.raises(StoreUnavailableError, match="gone"):
        WaitingRoom(1).wait(answer)
