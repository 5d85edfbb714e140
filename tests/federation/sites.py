"""Several marketplaces as real processes that pull from each other, and what each of them holds."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import httpx
from sqlalchemy import func, select

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.federation.keys import SiteKeys, create_keys
from marketplace.models import ChangeRow, Entry
from marketplace.peers.model import FollowedLog, Trouble
from marketplace.peers.registry.answer_faults import AnswerFaults
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.note import VerifierKey
from tests.databases import upgrade
from tests.factories.documents import CREATED, image, signed
from tests.factories.identities import make_identity
from tests.functional.running import AUTHORITIES, RunningServer, free_port, start
from tests.waiting import HANGING, wait_for
from validators import accept

#: Seconds after which sites that can reach each other must hold the same set; far more than they take.
HEALED = HANGING


@dataclass
class Site:
    """A marketplace: its directory, its keys, where it listens, and its process while one runs."""

    name: str
    data: Path
    keys: SiteKeys
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    server: RunningServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> RunningServer:
        assert self.server is not None, f"{self.name} is not running"
        return self.server

    def start(self) -> None:
        """Start the process and wait until it answers."""
        with _environment(self.environment):
            self.server = start(self.data, self.port, **self.settings)

    def kill(self) -> None:
        """End the process as a power cut would."""
        self.running.kill()

    def end(self) -> None:
        """End the process somehow, also one that is stopped by a signal."""
        if self.server is not None and self.server.process.poll() is None:
            self.server.process.kill()
            self.server.process.wait(HANGING)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The site's database, beside its process."""
        try:
            yield self._database
        finally:
            self._database.close()

    @cached_property
    def _database(self) -> Database:
        """Kept for what it remembers of statements: tests look many times. Closed, it opens files anew."""
        return Database.open(f"sqlite:///{self.data / 'marketplace.sqlite'}")

    def follow(self, url: str, key: VerifierKey, auth: VerifierKey | None = None) -> None:
        """Make another site a peer of this one."""
        with self.database() as database, database.write() as session:
            Peers(session).add(url, key, auth, datetime.now(UTC))

    def ids(self) -> set[str]:
        """The entries of the public log; nothing is in it twice, and no sequence is missing."""
        with self.database() as database, database.read() as session:
            log = ChangeLog(session).key(PUBLIC)
            rows = session.execute(
                select(ChangeRow.sequence, Entry.entry_id)
                .join(Entry, Entry.id == ChangeRow.entry_key)
                .where(ChangeRow.log_id == log)
                .order_by(ChangeRow.sequence)
            ).all()
        found = {row.entry_id for row in rows}
        assert len(found) == len(rows), f"{self.name} holds an entry twice"
        assert [row.sequence for row in rows] == list(range(len(rows)))
        return found

    def size(self) -> int:
        """How many entries there are; cheap."""
        with self.database() as database, database.read() as session:
            return session.scalar(select(func.count()).select_from(ChangeRow)) or 0

    def doubled(self) -> int:
        """Rows of the public log whose entry stands there already."""
        with self.database() as database, database.read() as session:
            rows = (
                select(func.count() - func.count(Entry.entry_id.distinct()))
                .select_from(ChangeRow)
                .join(Entry, Entry.id == ChangeRow.entry_key)
                .where(ChangeRow.log_id == ChangeLog(session).key(PUBLIC))
            )
            return session.scalar(rows) or 0

    def followed(self, peer: str) -> FollowedLog:
        """How the public log of a peer stands here."""
        with self.database() as database, database.read() as session:
            logs = FollowedLogs(session).of(Peers(session).get(peer).id)
            (found,) = [one for one in logs if one.log == PUBLIC]
        return found

    def evidence(self, peer: str) -> list[str]:
        """The codes of what is kept against a peer."""
        with self.database() as database, database.read() as session:
            found = FollowedLogs(session).evidence(Peers(session).get(peer).id)
            return [one.code for one in found]

    def troubles(self, peer: str) -> tuple[dict[str, str], Trouble]:
        """What is wrong with a peer's answers, by question, and the rows of its public log left out."""
        with self.database() as database, database.read() as session:
            faults = AnswerFaults(session).of(Peers(session).get(peer).id)
            trouble = FollowedLogs(session).trouble().get(self.followed(peer).id, Trouble())
        return {one.question.value: one.code for one in faults}, trouble

    def alerts(self) -> list[dict[str, str]]:
        """What its operator should look at."""
        with self.running.client() as http:
            return http.get("/api/v1/alerts").json()["alerts"]

    def upload(self, data: bytes) -> str:
        """Upload a document; returns its id once it is confirmed."""
        with httpx.Client(trust_env=False, timeout=HANGING, verify=AUTHORITIES) as http:
            answer = http.post(f"{self.url}/metadata", content=data, headers={"Content-Type": "text/xml"})
        assert answer.status_code == 201, answer.text
        return accept(data).entry_id

    def complaints(self) -> list[str]:
        """Tracebacks of the log: nothing that others do may cause one."""
        return [
            str(line) for line in self.running.log_lines() if "exception" in line or "Traceback" in str(line)
        ]


@contextmanager
def sites(folder: Path, names: Iterable[str] = "abc", **settings: str) -> Iterator[list[Site]]:
    """Marketplaces that all pull from each other; their processes end with the block."""
    made = [make_site(folder, name, **settings) for name in names]
    introduce(made)
    try:
        for site in made:
            site.start()
        yield made
    finally:
        for site in made:
            site.end()


def introduce(made: Sequence[Site]) -> None:
    """Make each site a peer of every other."""
    for site, other in itertools.permutations(made, 2):
        site.follow(other.url, other.keys.log.verifier, other.keys.auth.verifier)


def make_site(folder: Path, name: str, **settings: str) -> Site:
    """A marketplace with keys and an empty database; it does not run yet."""
    data = folder / name
    data.mkdir()
    upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
    keys = create_keys(data, f"mp-{name}.example")
    return Site(name, data, keys, free_port(), {**LEAN, **settings})


#: No search and no queries: these tests are about logs, and the machine has few processors.
LEAN = {"search_engine": "off", "query_enabled": "false"}


def document(about: object, created_at: datetime | None = None, **said: object) -> bytes:
    """A new signed entry."""
    fields = {"content": f"federation {about}", "title": f"Entry {about}", **said}
    return signed(image(**fields), make_identity(), created_at or CREATED)


def await_equal(made: Sequence[Site], least: Iterable[str] = (), seconds: float = HEALED) -> set[str]:
    """Wait until the sites hold the same set, with everything that was confirmed in it."""
    confirmed = set(least)

    def equal() -> bool:
        if len({site.size() for site in made}) > 1:
            return False
        sets = [site.ids() for site in made]
        return all(one == sets[0] for one in sets) and confirmed <= sets[0]

    wait_for(equal, seconds, lambda: {site.name: len(site.ids()) for site in made})
    return made[0].ids()


def heal(made: Sequence[Site], confirmed: Iterable[str]) -> tuple[set[str], float]:
    """Wait until the sites hold the same set; the set, and the seconds that it took from now on."""
    began = time.monotonic()
    held = await_equal(made, confirmed)
    return held, time.monotonic() - began


def doubled(made: Sequence[Site]) -> int:
    """Rows of public logs whose entry stands there already."""
    return sum(site.doubled() for site in made)


@dataclass
class Load:
    """Uploads to several sites at once, for as long as a block lasts.

    What is confirmed is remembered; a site that is gone is tried again.
    """

    made: Sequence[Site]
    label: str
    confirmed: set[str] = field(default_factory=set)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Load:
        for site in self.made:
            thread = threading.Thread(target=self._run, args=(site,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(HANGING)
        assert not any(thread.is_alive() for thread in self._threads)
        assert self._failures == []

    def await_confirmed(self, more: int, seconds: float = HANGING) -> None:
        """Wait for a number of further confirmations."""
        wanted = len(self.confirmed) + more
        wait_for(lambda: len(self.confirmed) >= wanted or self._failures, seconds)

    def _run(self, site: Site) -> None:
        number = 0
        with httpx.Client(trust_env=False, timeout=10, verify=AUTHORITIES) as http:
            while not self._stopping.wait(0.05):
                number += 1
                data = document(f"{self.label} {site.name} {number}")
                with contextlib.suppress(httpx.TransportError):  # sites are killed meanwhile
                    answer = http.post(
                        f"{site.url}/metadata", content=data, headers={"Content-Type": "text/xml"}
                    )
                    if answer.status_code == 201:
                        self.confirmed.add(accept(data).entry_id)
                    elif answer.status_code != 503:
                        self._failures.append(answer.text[:300])
                        return


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
