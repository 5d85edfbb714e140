"""Three database nodes that Patroni drives, etcd and HAProxy, by the example files of deploy/cluster."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from tests.cluster.machines import Machine, Network, own
from tests.cluster.waiting import until
from tests.fixtures_postgres import find_binaries
from tests.functional.running import AUTHORITIES, free_port
from tests.launching import ROOT

EXAMPLES = ROOT / "deploy" / "cluster"
#: Set where the tests must not be skipped for want of a program.
REQUIRED = "REQUIRE_CLUSTER"
PASSWORD = "of-these-tests"
#: No node listens where a server of this machine does that listens on every address.
ETCD, PATRONI, POSTGRES = 22379, 28008, 25432
#: What versions of Patroni call it.
PRIMARY = ("master", "primary")


def find_programs() -> Path:
    """The folder of PostgreSQL's programs; skips where any other one of the cluster's is missing."""
    binaries = find_binaries()
    wanted = ("patroni", "etcd", "haproxy", "setpriv")
    missing = [name for name in wanted if shutil.which(name, path="/usr/bin:/usr/sbin:/bin") is None]
    if binaries is None:
        missing.append("postgresql")
    if missing:
        complain = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        complain(f"needs {', '.join(missing)}: apt-get install patroni etcd-server haproxy postgresql")
    assert binaries is not None
    return binaries


@dataclass
class Node:
    """A machine with Patroni and PostgreSQL."""

    name: str
    machine: Machine
    configuration: Path
    data: Path

    def start(self) -> None:
        """Switch it on."""
        self.machine.run("/usr/bin/patroni", str(self.configuration))

    def kill(self) -> None:
        """Lose everything that runs there, at once."""
        self.machine.kill()
        self.kill_postgres()

    def kill_postgres(self) -> None:
        """Lose the database server; Patroni still runs."""
        with suppress(ProcessLookupError):  # it is gone, which is what is wanted
            os.kill(self._postmaster, signal.SIGKILL)

    @property
    def _postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def ask(self, path: str) -> dict[str, Any]:
        """What Patroni answers there; nothing where it does not answer."""
        try:
            answer = httpx.get(
                f"http://{self.machine.address}:{PATRONI}/{path}",
                timeout=2,
                trust_env=False,
                verify=AUTHORITIES,
            )
        except httpx.TransportError:
            return {}
        found: dict[str, Any] = answer.json()
        return found


@dataclass
class DatabaseCluster:
    """The nodes, and where the primary and the replicas are found, whichever they are."""

    network: Network
    nodes: list[Node]
    primary_port: int
    replicas_port: int

    def url(self, port: int) -> str:
        """The address of the marketplace's database."""
        return f"postgresql+psycopg://postgres:{PASSWORD}@{self.network.here}:{port}/marketplace"

    def primary(self) -> Node:
        """The node that writes; waits for one."""
        found: list[Node] = []

        def is_found() -> bool:
            found[:] = [node for node in self.nodes if node.ask("patroni").get("role") in PRIMARY]
            return len(found) == 1

        until(is_found, "one node is the primary")
        return found[0]

    def is_whole(self) -> bool:
        """Whether every node runs, both others follow the primary, and etcd knows who may replace it."""
        states = [node.ask("patroni") for node in self.nodes]
        primaries = [
            (node, one) for node, one in zip(self.nodes, states, strict=True) if one.get("role") in PRIMARY
        ]
        if len(primaries) != 1 or any(one.get("state") != "running" for one in states):
            return False
        ((node, primary),) = primaries
        streaming = [one for one in primary.get("replication", []) if one["state"] == "streaming"]
        roles = sorted(member["role"] for member in node.ask("cluster").get("members", []))
        return len(streaming) == 2 and roles == ["leader", "replica", "sync_standby"]


def start_database(network: Network, changed: Mapping[str, int]) -> DatabaseCluster:
    """Start etcd and the nodes; returns when the database is there and replicated.

    Args:
        changed: settings of Patroni that are others than in the example.
    """
    binaries = find_programs()
    _start_etcd(network)
    nodes = [_make_node(network, f"pg{number}", binaries, changed) for number in (1, 2, 3)]
    # Whoever comes first makes the database: the others copy it and need not ask who makes it.
    for node in nodes:
        node.start()
    cluster = DatabaseCluster(network, nodes, free_port(), free_port())
    try:
        until(cluster.is_whole, "the database is replicated")
    except AssertionError:
        for node in nodes:
            print(node.name, node.ask("patroni"), node.machine.log)
        raise
    address = cluster.primary().machine.address
    with psycopg.connect(
        host=address, port=POSTGRES, user="postgres", password=PASSWORD, autocommit=True
    ) as connection:
        connection.execute("CREATE DATABASE marketplace ENCODING 'UTF8' TEMPLATE template0")
    return cluster


def _start_etcd(network: Network) -> None:
    machine = network.add("etcd")
    client, peer = (f"http://{machine.address}:{port}" for port in (ETCD, ETCD + 1))
    machine.run(
        "/usr/bin/etcd", "--name=one", f"--data-dir={machine.folder / 'data'}",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=one={peer}", "--logger=zap", "--unsafe-no-fsync",
    )  # fmt: skip

    def answers() -> bool:
        try:
            return (
                httpx.get(f"{client}/health", timeout=2, trust_env=False, verify=AUTHORITIES).status_code
                == 200
            )
        except httpx.TransportError:
            return False

    try:
        until(answers, "etcd answers")
    except AssertionError:
        print(machine.log)
        raise


def _make_node(network: Network, name: str, binaries: Path, changed: Mapping[str, int]) -> Node:
    """The example of a node, at the addresses of this network."""
    machine = network.add(name)
    data = machine.folder / "data"
    said = yaml.safe_load((EXAMPLES / "patroni.yml").read_text())
    said["name"] = name
    said["bootstrap"]["dcs"] |= changed
    said["restapi"] = dict.fromkeys(("listen", "connect_address"), f"{machine.address}:{PATRONI}")
    said["etcd3"] = {"host": f"{network.machines[0].address}:{ETCD}"}
    said["bootstrap"]["pg_hba"] = [
        line.replace("10.0.0.0/24", f"{network.prefix}.0/24") for line in said["bootstrap"]["pg_hba"]
    ]
    postgresql = said["postgresql"]
    postgresql |= dict.fromkeys(("listen", "connect_address"), f"{machine.address}:{POSTGRES}")
    postgresql |= {"data_dir": str(data), "bin_dir": str(binaries), "pgpass": str(machine.folder / "pgpass")}
    postgresql["parameters"]["unix_socket_directories"] = str(machine.folder)
    for user in postgresql["authentication"].values():
        user["password"] = PASSWORD
    configuration = machine.folder / "patroni.yml"
    configuration.write_text(yaml.safe_dump(said))
    own(configuration)
    return Node(name, machine, configuration, data)


def start_balancer(cluster: DatabaseCluster, web_ports: list[int], web_port: int) -> Machine:
    """HAProxy by both examples, on the machine of the test."""
    here = cluster.network.here
    database = (EXAMPLES / "haproxy-database.cfg").read_text()
    for number, node in enumerate(cluster.nodes, start=1):
        database = database.replace(f"10.0.0.1{number}:5432", f"{node.machine.address}:{POSTGRES}")
    database = database.replace("port 8008", f"port {PATRONI}")
    for port, free in ((5000, cluster.primary_port), (5001, cluster.replicas_port)):
        database = database.replace(f"127.0.0.1:{port}", f"{here}:{free}")
    web = (EXAMPLES / "haproxy-web.cfg").read_text().replace("10.0.0.20:80", f"127.0.0.1:{web_port}")
    for number, port in enumerate(web_ports, start=1):
        web = web.replace(f"10.0.0.2{number}:6543", f"127.0.0.1:{port}")
    folder = cluster.network.folder / "balancer"
    folder.mkdir()
    own(folder)
    machine = Machine(here, folder)
    files = []
    for name, text in (("database.cfg", database), ("web.cfg", web)):
        assert "10.0.0." not in text, text
        (folder / name).write_text(text)
        files += ["-f", str(folder / name)]
    machine.run("/usr/sbin/haproxy", "-db", *files)
    return machine
