"""People who upload and read while machines fail, and what they remember of it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from marketplace.federation.keys import SiteKeys
from marketplace.tlog.checkpoint import Checkpoint, verify_checkpoint
from marketplace.tlog.errors import TlogError
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.functional.running import AUTHORITIES
from validators import accept

CLIENTS = 2
#: Seconds between two uploads of a client: the load is to be there, and not to be felt.
PACE = 0.1
#: Seconds after which a client asks again.
PATIENCE = 10.0
READER = str(Path(__file__).with_name("reader.py"))
XML = {"Content-Type": "application/rdf+xml"}


@dataclass
class Moments:
    """When something succeeded.

    Args:
        times: of the monotonic clock, in order.
    """

    times: list[float] = field(default_factory=list)

    def note(self) -> None:
        """It succeeds now."""
        self.times.append(time.monotonic())

    def longest_pause(self, since: float, until: float) -> float:
        """Seconds between two of them, or from a beginning or to an end, at most."""
        between = [one for one in self.times if since < one < until]
        return max(b - a for a, b in zip([since, *between], [*between, until], strict=True))


@dataclass
class Load:
    """Clients that go on until they are told to stop.

    Args:
        address: where entries are uploaded.
        nodes: name -> address of each web node, which is read from directly.
    """

    address: str
    nodes: dict[str, str]
    keys: SiteKeys
    acknowledged: set[str] = field(default_factory=set)
    uploads: Moments = field(default_factory=Moments)
    reads: dict[str, Moments] = field(default_factory=dict)
    heads: set[Checkpoint] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    refused: int = 0
    _identity: Identity = field(default_factory=make_identity)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _readers: list[subprocess.Popen[str]] = field(default_factory=list)
    _made: int = 0

    def start(self) -> None:
        """Begin."""
        self.reads = {name: Moments() for name in self.nodes}
        for run in [self._upload] * CLIENTS:
            self._begin(run)
        for name, address in self.nodes.items():
            self._begin(self._read, name, address)
            self._begin(self._keep_heads, address)

    def stop(self) -> None:
        """End, with what is at work."""
        self._stopping.set()
        for reader in self._readers:
            reader.kill()
        for thread in self._threads:
            thread.join()

    def count(self) -> int:
        """Uploads that were acknowledged so far."""
        return len(self.uploads.times)

    def _begin(self, run: Callable[..., None], *words: str) -> None:
        thread = threading.Thread(target=run, args=words, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _client(self, address: str) -> httpx.Client:
        return httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False, verify=AUTHORITIES)

    def _upload(self) -> None:
        """Upload new entries, each until it is acknowledged: an answer may be lost on its way."""
        with self._client(self.address) as http:
            while not self._stopping.wait(PACE):
                data = self._make()
                while not self._stopping.is_set():
                    if self._try_upload(http, data):
                        with self._lock:
                            self.acknowledged.add(accept(data).entry_id)
                            self.uploads.note()
                        break
                    self.refused += 1
                    self._stopping.wait(PACE)

    def _make(self) -> bytes:
        with self._lock:
            self._made += 1
            number = self._made
        return signed(image(content=f"cluster {number}", title=f"Cluster {number}"), self._identity)

    def _try_upload(self, http: httpx.Client, data: bytes) -> bool:
        try:
            answer = http.post("/metadata", content=data, headers=XML)
        except httpx.TransportError:
            return False
        told = answer.status_code == 503 and "Retry-After" in answer.headers
        # The proxy's own words, where no web node is there.
        if answer.status_code != 201 and not told and "Server" in answer.headers:
            self.odd.append(f"upload: {answer.status_code} {answer.text[:200]}")
        return answer.status_code == 201

    def _read(self, name: str, address: str) -> None:
        """Note when a reader was answered what the database has to be asked for."""
        command = [sys.executable, READER, f"{address}/api/v1/entries?limit=3", str(PACE), str(PATIENCE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
            self._readers.append(reader)
            assert reader.stdout is not None
            for line in reader.stdout:
                if line.startswith("odd"):
                    self.odd.append(f"read: {line.strip()}")
                else:
                    self.reads[name].times.append(float(line))

    def _keep_heads(self, address: str) -> None:
        """Keep every checkpoint that a node shows."""
        key = self.keys.verifier(f"{self.keys.site}/public")
        with self._client(address) as http:
            while not self._stopping.wait(PACE):
                try:
                    answer = http.get("/fed/v1/logs/public/checkpoint")
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    try:
                        self.heads.add(verify_checkpoint(answer.content, key).checkpoint)
                    except TlogError as error:
                        self.odd.append(f"checkpoint: {error}")
                elif answer.status_code not in (404, 503):
                    self.odd.append(f"checkpoint: {answer.status_code} {answer.text[:200]}")
