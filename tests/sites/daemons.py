"""A site's daemon for tests: a real process, waited for, stopped in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from marketplace.sites.decisions.answering import ask_socket
from marketplace.sites.decisions.verdict_file import read_verdicts
from tests.launching import Process, launch
from tests.sites.clouds import Cloud
from tests.waiting import HANGING, wait_for

PATIENCE = HANGING


def await_true(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    wait_for(condition, seconds, lambda: f"still not so after {seconds:g} s: {what}")


@dataclass
class RunningSite:
    """A daemon and how to ask it."""

    process: Process
    cloud: Cloud
    log: Path

    @property
    def run(self) -> Path:
        return self.cloud.folder / "run"

    def ask(self, key: str) -> tuple[int, str]:
        """Status and reason of the answer over the socket."""
        request = f"GET /may-start/{quote(key)} HTTP/1.0\r\n\r\n".encode()
        status, _, reason = ask_socket(self.run, request, 10)
        return status, reason

    def allows(self, identifier: str) -> bool:
        """Whether an image may start: known, and allowed."""
        request = f"GET /may-start/id:{identifier} HTTP/1.0\r\n\r\n".encode()
        status, headers, _ = ask_socket(self.run, request, 10)
        return status == 200 and headers["x-known"] == "yes"

    def metric(self, line: str) -> float:
        """The value of a metric, by its name and labels as they are written."""
        _, _, text = ask_socket(self.run, b"GET /metrics HTTP/1.0\r\n\r\n", 10)
        return next(float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line + " "))

    def verdict(self, key: str) -> bool | None:
        """What the verdict file says; None where it says nothing."""
        found = read_verdicts(self.run).verdicts.get(key)
        return None if found is None else found.allowed

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def start(cloud: Cloud, **environment: str) -> RunningSite:
    """Start a daemon and wait until it answers."""
    log = cloud.folder / "daemon.log"
    with log.open("ab") as sink:
        process = launch(cloud.words("run"), cloud.environ(**environment), stdout=sink, stderr=sink)
    site = RunningSite(process, cloud, log)

    def answers() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"the daemon ended at once:\n{log.read_text()[-4000:]}")
        try:
            site.ask("id:nothing")
        except OSError:
            return False
        return True

    await_true(answers, "the daemon answers")
    return site


@contextmanager
def running_site(cloud: Cloud, **environment: str) -> Iterator[RunningSite]:
    site = start(cloud, **environment)
    try:
        yield site
    finally:
        if site.process.poll() is None:
            site.process.kill()
            site.process.wait(PATIENCE)
