"""Follows all the time: a thread for each marketplace, one for stores, one for hooks, one for answers."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from marketplace.memory import bound_pools, give_back
from marketplace.moments import counted
from marketplace.sites.configuration import SiteConfiguration, read_configuration
from marketplace.sites.decisions.answering import AnswerServer
from marketplace.sites.decisions.answers import Answer
from marketplace.sites.errors import (
    KnowledgeError,
    ShutdownError,
    SiteConfigurationError,
    SiteError,
    StateError,
)
from marketplace.sites.filler import Progress
from marketplace.sites.knowledge.follow import MarketplaceFollower
from marketplace.sites.metrics import SiteMetrics
from marketplace.sites.metrics_server import MetricsServer
from marketplace.sites.site import Site
from marketplace.sites.state import Copy, InterventionKind, State
from marketplace.sites.step_plan import Planned, Step

log = logging.getLogger(__name__)

#: Seconds between two looks at the clock, at what people said, and at the configuration file.
_TICK: Final = 0.25
#: Seconds between two writings of the verdict file where nothing changed.
_WRITE_EVERY: Final = 60.0
#: Seconds between two looks at whether stores have what is written down.
_RECONCILE_EVERY: Final = 3600.0
#: Seconds between two looks for what has come due, such as another attempt, where nothing else happens.
_PLAN_EVERY: Final = 10.0
#: Seconds after which subscriptions are asked for again though no news came: lists change with time too.
_ASK_EVERY: Final = 3600.0
#: Seconds between two looks for receipts that are owed.
_SEND_EVERY: Final = 2.0
#: The longest pause between two attempts to hear a marketplace, in seconds.
_LONGEST_PAUSE: Final = 10.0


class Daemon:
    """A site that runs until it is told to end."""

    def __init__(self, configuration: SiteConfiguration, state: State) -> None:
        self._configuration = configuration
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._hook_wake = threading.Event()
        self.site = Site(configuration, state, progress=Progress(self._count_bytes))
        self.metrics = SiteMetrics(self.site)
        self._flying: dict[tuple[str, str], Future[Copy | None]] = {}
        #: Whether hooks were told that work has begun, and not yet that it has ended.
        self._working = False
        self._file_time = self._modified()
        self._version = state.database.version
        self._planned = 0.0
        self._written = self._reconciled = self._trusted_at = self.site.wall()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            OSError: the socket cannot be made.
            StateError: the state cannot be used.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        bound_pools()
        site = self.site
        site.judge()
        site.finish_withdrawals()
        site.reconciler.run()
        site.publish()
        answers = AnswerServer(site.table.run, self._ask, self.metrics.text)
        answers.start()
        served = MetricsServer.start(site.table.metrics, self.metrics.text)
        threads = [
            *(self._thread(f"follow {one.table.url}", self._follow, one) for one in site.followers),
            self._thread("hooks", self._tell_hooks),
            self._thread("receipts", self._send_receipts),
        ]
        _notify("READY=1")
        log.info("the site %s follows %s", site.table.name, counted(len(site.followers), "marketplace"))
        give_back()
        with ThreadPoolExecutor(site.table.fetch.parallel, "import") as pool:
            try:
                woken = True
                while not self._stopping.is_set():
                    self._step(pool, woken)
                    woken = self._wake.wait(_TICK)
                    self._wake.clear()
            finally:
                _notify("STOPPING=1")
                self._stopping.set()
                self._hook_wake.set()
        for thread in threads:
            thread.join()
        answers.stop()
        if served is not None:
            served.stop()
        site.close()

    def _thread(
        self, name: str, target: Callable[..., None], *given: MarketplaceFollower
    ) -> threading.Thread:
        thread = threading.Thread(target=target, args=given, name=name, daemon=True)
        thread.start()
        return thread

    # -- answering

    def _ask(self, key: str) -> Answer:
        answer = self.site.answer(key)
        self.metrics.answered["allowed" if answer.allowed else "refused"] += 1
        return answer

    def _count_bytes(self, copy: Copy, size: int) -> None:
        if self._stopping.is_set():
            raise ShutdownError
        self.metrics.bytes_moved += size

    # -- following

    def _follow(self, follower: MarketplaceFollower) -> None:
        """Look at a marketplace again and again."""
        pause = follower.table.poll
        asked = float("-inf")
        while not self._stopping.is_set():
            try:
                changed = self.site.learn(follower)
                self.site.refresh_answers()
                now = self.site.wall()
                if now >= asked + _ASK_EVERY or follower.followed.changed + 60 > now:
                    oldest = now - _ASK_EVERY
                    changed = self.site.ask(follower, oldest) or changed
                    asked = now
                if changed:
                    self._wake.set()
                pause = follower.table.poll
            except KnowledgeError as error:
                self.metrics.faults["marketplace"] += 1
                log.warning("%s", error)
                pause = min(_LONGEST_PAUSE, max(error.retry or 0, pause * 2))
            except Exception as error:  # this thread has to go on: what it cannot do now it tries again
                self._note(error)
                pause = min(_LONGEST_PAUSE, pause * 2)
            # Sites that were started together must not ask together for ever.
            self._stopping.wait(pause * random.uniform(0.9, 1.0))  # noqa: S311  # no secret

    # -- acting

    def _step(self, pool: ThreadPoolExecutor, woken: bool) -> None:
        try:
            changed = self._look_around() or woken
            if self._land() or changed or self.site.wall() >= self._planned + _PLAN_EVERY:
                self._planned = self.site.wall()
                self._start_steps(pool)
        except Exception as error:  # the loop has to go on: answers and withdrawals hang on it
            self._note(error)
        _notify("WATCHDOG=1")

    def _look_around(self) -> bool:
        """Everything that is not told by a marketplace: the clock, people, files.

        Returns:
            whether something may have to be done.
        """
        site, now = self.site, self.site.wall()
        changed = site.judge_due()
        version = site.state.database.version
        if version != self._version:
            self._version = version
            for identifier, intervention in site.state.interventions.all(now).items():
                if intervention.kind is InterventionKind.IMPORT:
                    site.learning.concern(identifier)
            site.judge()
            changed = True
        changed = self._read_policy_again() or changed
        if now >= self._trusted_at + site.table.trust.reload_interval or now < self._trusted_at:
            self._trusted_at = now
            site.trust.reload()
            changed = site.judge() or changed
        if now >= self._written + _WRITE_EVERY or now < self._written:
            self._written = now
            site.publish()
        if now >= self._reconciled + _RECONCILE_EVERY or now < self._reconciled:
            self._reconciled = now
            changed = bool(site.reconciler.run()) or changed
        return changed

    def _land(self) -> bool:
        """Take in what imports came to; returns whether there was any."""
        landed = False
        for key in [key for key, future in self._flying.items() if future.done()]:
            future = self._flying.pop(key)
            if (error := future.exception()) is not None:
                self._note(error)
            self._hook_wake.set()
            landed = True
        if landed and not self._flying:
            # The memory of imports would stay with the process, which mostly waits.
            give_back()
        return landed

    def _start_steps(self, pool: ThreadPoolExecutor) -> None:
        steps = [one for one in self.site.plan() if (one.digest, one.store) not in self._flying]
        if steps and not self._working:
            self._working = True
            self.site.owe("ProcessPrefix")
        for step in steps:
            if step.step in (Step.IMPORT, Step.BRING_BACK):
                self._flying[step.digest, step.store] = pool.submit(self._act, step)
            else:
                self.site.act(step)
        if self._working and not self._flying:
            self._working = False
            self.site.owe("ProcessPostfix")
        if steps or not self._working:
            self._hook_wake.set()

    def _act(self, step: Planned) -> Copy | None:
        try:
            return self.site.act(step)
        except ShutdownError:
            return None
        finally:
            self._wake.set()

    # -- hooks

    def _tell_hooks(self) -> None:
        while not self._stopping.is_set():
            try:
                self.metrics.faults["hook"] += self.site.hooks.run(self._stopping.is_set)
            except Exception as error:  # this thread has to go on: events wait for it
                self._note(error)
            self._hook_wake.wait(1.0)
            self._hook_wake.clear()

    # -- receipts

    def _send_receipts(self) -> None:
        while not self._stopping.wait(_SEND_EVERY):
            try:
                self.site.receipts.send()
            except Exception as error:  # this thread has to go on: receipts wait for it
                self._note(error)

    # -- the configuration file

    def _read_policy_again(self) -> bool:
        """Judge by a policy that was changed; a broken one changes nothing and is an alarm."""
        modified = self._modified()
        if modified == self._file_time:
            return False
        self._file_time = modified
        try:
            read = read_configuration(self._configuration.file)
        except SiteConfigurationError as error:
            self.metrics.faults["configuration"] += 1
            log.error("%s; the last good policy stays in force", error)
            self.site.state.history.note(self.site.wall(), "configuration broken", str(error))
            return False
        if read.table != self._configuration.table:
            log.warning("%s: what stands outside [policy] counts from the next start on", read.file)
        if read.policy.digest != self.site.verdicts.policy.digest:
            self.site.verdicts.policy = read.policy
            self.site.state.history.note(self.site.wall(), "policy changed", read.policy.digest)
            self.site.judge()
            return True
        return False

    def _modified(self) -> tuple[int, int]:
        try:
            status = self._configuration.file.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino

    def _note(self, error: BaseException) -> None:
        kind = "state" if isinstance(error, StateError) else "other"
        self.metrics.faults[kind] += 1
        if isinstance(error, SiteError | OSError):
            log.error("%s", error)
        else:
            log.error("unexpected %s", type(error).__name__, exc_info=error)


def _notify(message: str) -> None:
    """Tell systemd, where it started this process (sd_notify(3))."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where:
        # The daemon works without a systemd that hears it.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(message.encode(), "\0" + where[1:] if where.startswith("@") else where)
