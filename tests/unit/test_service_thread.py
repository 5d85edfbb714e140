"""A thread runs from each start to the next stop."""

from __future__ import annotations

import threading

from marketplace.service_thread import ServiceThread
from tests.functional.sites import until
from tests.waiting import HANGING


class Counting(ServiceThread):
    """Counts how often it was nudged, and keeps whether two of its threads ran at the same time."""

    def __init__(self) -> None:
        super().__init__("counting", HANGING)
        self.looks = threading.Semaphore(0)
        self.running = 0
        self.most = 0

    def looks_when_nudged(self) -> bool:
        self.nudge()
        return self.looks.acquire(timeout=0.05)

    def _run(self, stopping: threading.Event) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        while not stopping.is_set():
            self._wake.wait(HANGING)
            self._wake.clear()
            if not stopping.is_set():
                self.looks.release()
        self.running -= 1


def test_it_runs_again_after_a_stop_and_never_twice_at_once() -> None:
    thread = Counting()
    for _ in range(3):
        assert not thread.is_running
        thread.start()
        assert thread.is_running and not thread.is_ending
        until(thread.looks_when_nudged, "the thread looks")
        thread.ask_to_end()
        thread.start()  # waits for the one that ends
        until(thread.looks_when_nudged, "the next thread looks")
        thread.stop()
        thread.stop()
        assert thread.join(HANGING)
    assert thread.most == 1 and thread.running == 0


def test_what_never_began_can_be_stopped() -> None:
    thread = Counting()
    thread.stop()
    assert thread.is_ending and not thread.is_running


def test_a_thread_that_stops_itself_does_not_wait_for_its_own_end() -> None:
    ended = threading.Event()

    class Stopping(ServiceThread):
        def _run(self, stopping: threading.Event) -> None:
            self.stop()
            ended.set()

    Stopping("stopping").start()
    assert ended.wait(HANGING)
