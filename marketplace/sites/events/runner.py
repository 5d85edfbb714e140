"""Runs handlers: no shell, a bounded time, and the end of everything that a handler started."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from marketplace.sites.events.outbox import EventOutbox, OwedEvent, key
from marketplace.sites.settings import HookTable

log = logging.getLogger(__name__)

_MOST_SHOWN = 500


def run_hook(hook: HookTable, type_: str, event_id: str, environment: Mapping[str, str]) -> str | None:
    """Tell a hook of an event.

    Returns:
        what went wrong; None where the hook ended with 0.
    """
    given = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "VMCATCHER_EVENT_TYPE": type_,
        "MARKETPLACE_EVENT_ID": event_id,
        **environment,
    }
    try:
        process = subprocess.Popen(  # noqa: S603  # the operator's own program, without a shell
            list(hook.run),
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return f"{hook.run[0]} cannot be run ({(error.strerror or str(error)).lower()})"
    try:
        _, said = process.communicate(timeout=hook.timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        return f"{hook.run[0]} did not end within {hook.timeout:g} s and was killed"
    if process.returncode == 0:
        return None
    text = said.decode("utf-8", "replace").strip()[-_MOST_SHOWN:]
    return f"{hook.run[0]} ended with {process.returncode}" + (f": {text}" if text else "")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # it is gone already, which is what is wanted
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


class HookRunner:
    """Tells hooks what they are owed. Safe to share between threads: no event is told twice at a time.

    Args:
        wall: seconds since 1970.
    """

    def __init__(self, hooks: Sequence[HookTable], outbox: EventOutbox, wall: Callable[[], float]) -> None:
        self._hooks = {key(hook): hook for hook in hooks}
        self._outbox = outbox
        self._wall = wall
        #: What is being told now, by the number of the event.
        self._telling: dict[int, OwedEvent] = {}
        self._told = threading.Condition()

    def run(self, stopping: Callable[[], bool] = lambda: False, digest: str | None = None) -> int:
        """Tell everything that is due; returns how many events failed.

        Args:
            digest: tell what is due of this image only, and wait for what another thread tells of it.
        """
        failed = 0
        while not stopping() and (owed := self._take(digest)) is not None:
            try:
                failed += not self._tell(owed)
            finally:
                with self._told:
                    del self._telling[owed.id]
                    self._told.notify_all()
        return failed

    def _take(self, digest: str | None) -> OwedEvent | None:
        with self._told:
            while True:
                due = self._outbox.due(self._wall(), digest)
                owed = next((one for one in due if one.id not in self._telling), None)
                if owed is not None:
                    self._telling[owed.id] = owed
                    return owed
                if digest is None or all(one.digest != digest for one in self._telling.values()):
                    return None
                self._told.wait()

    def _tell(self, owed: OwedEvent) -> bool:
        hook = self._hooks.get(owed.hook)
        fault = None if hook is None else run_hook(hook, owed.type, str(owed.id), owed.environment)
        if fault is None:
            self._outbox.done(owed, self._wall())
            return True
        log.warning("hook: %s: %s", owed.type, fault)
        self._outbox.failed(owed, self._wall())
        return False

    def ask(self, type_: str, environment: Mapping[str, str]) -> str | None:
        """Ask the hooks that may keep an image out.

        Returns:
            why it stays out; None where nobody says so.
        """
        for hook in self._hooks.values():
            if hook.veto and type_ in hook.on:
                fault = run_hook(hook, type_, "veto", environment)
                if fault is not None:
                    return fault
        return None
