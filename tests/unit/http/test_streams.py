"""Long lists hold few threads."""

from __future__ import annotations

import pytest

from marketplace.http import streams
from marketplace.http.errors import HttpError
from marketplace.http.streams import LongStreamCutError, LongStreams

LONG = streams.FREE_ENTRIES + 1


def test_short_streams_need_no_slot():
    slots = LongStreams(1)
    held = slots.send([b"x"], LONG)
    assert b"".join(slots.send([b"a", b"b"], 2)) == b"ab"
    held.close()


def test_a_long_stream_is_refused_while_all_slots_are_taken():
    slots = LongStreams(2)
    first, second = slots.send([b"1"], LONG), slots.send([b"2"], LONG)
    with pytest.raises(HttpError) as caught:
        slots.send([b"3"], LONG)
    assert (caught.value.status, caught.value.code) == (503, "list.busy")
    assert dict(caught.value.headers)["Retry-After"]
    first.close()
    first.close()  # a server may close twice: only one slot is freed
    assert b"".join(slots.send([b"3"], LONG)) == b"3"
    with pytest.raises(HttpError):
        slots.send([b"4"], LONG)
    second.close()


def test_a_stream_that_is_never_read_frees_its_slot_when_closed():
    slots = LongStreams(1)
    slots.send((b"x" for _ in range(3)), LONG).close()
    slots.send([b"x"], LONG).close()


def test_a_stream_that_grows_long_takes_a_slot_or_is_cut(monkeypatch):
    monkeypatch.setattr(streams, "FREE_BYTES", 10)
    slots = LongStreams(1)
    growing = slots.send([b"x" * 6] * 4, 4)
    assert [next(growing) for _ in range(3)] == [b"x" * 6] * 3
    with pytest.raises(LongStreamCutError):
        list(slots.send([b"y" * 6] * 4, 4))
    growing.close()
    assert b"".join(slots.send([b"y" * 6] * 4, 4)) == b"y" * 24


def test_the_documents_behind_a_stream_are_closed_with_it():
    closed = []

    def documents():
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    for entries in (1, LONG):
        stream = LongStreams(1).send(documents(), entries)
        next(stream)
        stream.close()
    assert closed == [True, True]
