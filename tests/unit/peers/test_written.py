"""Pages that are with the writer while the next one is judged."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from marketplace.peers.pull.write_pipeline import AT_ONCE, WrittenPages


def test_a_failed_page_ends_the_block_when_nothing_is_under_way() -> None:
    pages: list[Future] = [Future() for _ in range(AT_ONCE + 1)]
    pages[0].set_exception(OSError("no room"))
    answering = threading.Timer(0.05, lambda: [page.set_result([]) for page in pages[1:]])
    with pytest.raises(OSError, match="no room"), WrittenPages() as written:
        for page in pages[:-1]:
            written.add(page)
        answering.start()
        written.add(pages[-1])
    assert all(page.done() for page in pages)


def test_what_fails_besides_leaves_no_page_under_way() -> None:
    page: Future = Future()
    answering = threading.Timer(0.05, lambda: page.set_exception(OSError("the cursor moved")))
    with pytest.raises(KeyError), WrittenPages() as written:
        written.add(page)
        answering.start()
        raise KeyError("the peer lies")
    assert page.done()


def test_the_last_page_may_fail_too() -> None:
    page: Future = Future()
    page.set_exception(OSError("no room"))
    with pytest.raises(OSError, match="no room"), WrittenPages() as written:
        written.add(page)
