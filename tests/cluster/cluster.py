"""The whole of it: a database that is replicated, two web nodes, a worker, and the proxies in front."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy.exc import InternalError, OperationalError

from marketplace.db import upgrade
from marketplace.federation.keys import SiteKeys, create_keys, load_keys
from tests.cluster.database import DatabaseCluster, start_balancer, start_database
from tests.cluster.machines import network, own, unprivileged
from tests.cluster.waiting import until
from tests.functional.running import RunningServer, free_port, start
from tests.launching import COMMAND

SITE = "mp-cluster.example"
#: What the test does not look at costs no time.
SETTINGS = {"query_enabled": "false", "search_engine": "postgresql", "log_level": "info"}


@dataclass
class Server:
    """A machine with `marketplace serve`; its data directory holds nothing that another one needs."""

    name: str
    role: str
    data: Path
    port: int
    settings: dict[str, str]
    running: RunningServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Switch it on; returns when it is ready."""
        self.running = start(self.data, self.port, command=unprivileged(COMMAND), **self.settings)

    @property
    def user(self) -> int:
        """The number of the user that it runs as."""
        assert self.running is not None
        status = Path(f"/proc/{self.running.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("Uid:")]
        return int(line.split()[2])

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.running is not None and self.running.process.poll() is None:
            self.running.kill()


@dataclass
class Cluster:
    """What people see is at ``address``."""

    database: DatabaseCluster
    web: list[Server]
    worker: Server
    keys: SiteKeys
    address: str

    @property
    def database_url(self) -> str:
        """The way to the primary."""
        return self.database.url(self.database.primary_port)


@contextmanager
def cluster(**changed: int) -> Iterator[Cluster]:
    """A cluster that works; it is gone after the block.

    Args:
        changed: settings of Patroni that are others than in the example.
    """
    # Another user's programs must get in, and a socket's path has a short limit.
    folder = Path(tempfile.mkdtemp(prefix="mp-cl-"))
    folder.chmod(0o755)
    servers: list[Server] = []
    try:
        with network(folder) as joined:
            database = start_database(joined, changed)
            keys = _make_keys(folder / "keys")
            web_port, ports = free_port(), [free_port(), free_port(), free_port()]
            balancer = start_balancer(database, ports[:2], web_port)
            try:
                url = database.url(database.primary_port)
                until(lambda: _upgraded(url), "the proxy finds the primary")
                address = f"http://127.0.0.1:{web_port}"
                for name, role, port in zip(
                    ("web1", "web2", "worker"), ("web", "web", "worker"), ports, strict=True
                ):
                    settings = SETTINGS | {
                        "database_url": url, "database_read_url": database.url(database.replicas_port),
                        "role": role, "node": name,
                        "site_url": address, "server_trusted_proxy": "127.0.0.1",
                    }  # fmt: skip
                    data = shutil.copytree(folder / "keys", folder / name)
                    own(data)
                    servers.append(Server(name, role, data, port, settings))
                    servers[-1].start()
                yield Cluster(database, servers[:2], servers[2], keys, address)
            finally:
                for server in servers:
                    server.kill()
                balancer.kill()
                for node in database.nodes:
                    node.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_keys(data: Path) -> SiteKeys:
    data.mkdir()
    create_keys(data, SITE)
    keys = load_keys(data)
    assert keys is not None
    return keys


def _upgraded(url: str) -> bool:
    try:
        upgrade(url)
    except OperationalError:
        return False  # the proxy has not begun to listen, or knows no primary yet
    except InternalError as error:
        # Before its first looks the proxy takes every node for the primary.
        if not isinstance(error.orig, ReadOnlySqlTransaction):
            raise
        return False
    return True
