"""Something that a process does beside what it is asked, on a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class ServiceThread(ABC):
    """Runs ``_run`` on a separate thread, from each ``start`` to the next ``stop``.

    Args:
        thread_name: of the thread.
        patience: seconds for which ``stop`` waits for its end; None waits until it has ended.
    """

    def __init__(self, thread_name: str, patience: float | None = None) -> None:
        self._thread_name = thread_name
        self._patience = patience
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, as soon as the thread of an earlier time has ended."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._work, args=(self._thread, self._stopping), name=self._thread_name, daemon=True
        )
        self._thread.start()

    def nudge(self) -> None:
        """Have it look now. Cheap, callable from any thread."""
        self._wake.set()

    def ask_to_end(self) -> None:
        """Have the thread end soon; later calls do nothing."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float | None) -> bool:
        """Wait for the end of the thread, at most that many seconds; on the thread itself not at all.

        Returns:
            whether it has ended.
        """
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def stop(self) -> None:
        """Have it end what it is at, and wait for that. Later calls do nothing."""
        self.ask_to_end()
        self.join(self._patience)

    @property
    def is_running(self) -> bool:
        """Whether it began and was not asked to end."""
        return self._thread is not None and not self._stopping.is_set()

    @property
    def is_ending(self) -> bool:
        """Whether the thread was asked to end."""
        return self._stopping.is_set()

    def _work(self, earlier: threading.Thread | None, stopping: threading.Event) -> None:
        if earlier is not None:
            earlier.join()
        self._run(stopping)

    @abstractmethod
    def _run(self, stopping: threading.Event) -> None:
        """What the thread does; ends soon after ``stopping`` is set, which also sets ``_wake``."""
