"""Ways in which a machine of a cluster fails, each with what it costs those who upload and read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.cluster.cluster import Cluster, Server
from tests.cluster.load import Load
from tests.cluster.waiting import until

#: Uploads that have to be acknowledged before a failure, and again after it.
SOME = 10


@dataclass(frozen=True)
class Pause:
    """The longest time in seconds without a success, from the failure until everything is whole again."""

    fault: str
    uploads: float
    reads: float


def primary_lost(cluster: Cluster, load: Load) -> None:
    """The machine of the primary is off, and on again later."""
    node = cluster.database.primary()
    node.kill()
    _upload_some(load)
    node.start()
    until(cluster.database.is_whole, "the lost node follows the new primary")


def postgres_lost(cluster: Cluster, load: Load) -> None:
    """The primary's database server ends; Patroni is still there."""
    node = cluster.database.primary()
    node.kill_postgres()
    _upload_some(load)
    until(cluster.database.is_whole, "the node follows the new primary")


def primary_cut(cluster: Cluster, load: Load) -> None:
    """The primary lives on and reaches nobody; later its cable is back."""
    node = cluster.database.primary()
    cluster.database.network.cut(node.machine)
    try:
        _upload_some(load)
        until(lambda: cluster.database.primary() is not node, "another node is the primary")
    finally:
        cluster.database.network.mend(node.machine)
    until(cluster.database.is_whole, "the node that was cut off follows the new primary")


def web_lost(cluster: Cluster, load: Load) -> None:
    """One of the web nodes is off, and on again later."""
    _lose(cluster.web[0], load)


def worker_lost(cluster: Cluster, load: Load) -> None:
    """The worker is off, and on again later."""
    _lose(cluster.worker, load)


def _lose(server: Server, load: Load) -> None:
    server.kill()
    _upload_some(load)
    server.start()


def _upload_some(load: Load) -> None:
    before = load.count()
    until(lambda: load.count() >= before + SOME, "uploads are acknowledged again")


NETWORK_CUT, PRIMARY_LOST = "network cut of the primary", "kill -9 of the primary's machine"
WEB_LOST = "kill -9 of a web node"
#: What fails -> what is done.
FAULTS: dict[str, Callable[[Cluster, Load], None]] = {
    PRIMARY_LOST: primary_lost,
    "kill -9 of the primary's PostgreSQL": postgres_lost,
    NETWORK_CUT: primary_cut,
    WEB_LOST: web_lost,
    "kill -9 of the worker": worker_lost,
}


def is_possible(cluster: Cluster, fault: str) -> bool:
    """Whether this machine can have it happen: a cable is pulled between network namespaces only."""
    return cluster.database.network.cuts or fault != NETWORK_CUT


def fail(cluster: Cluster, load: Load, fault: str) -> Pause:
    """Have something fail under a load, and be mended; returns what it cost."""
    _upload_some(load)
    began = time.monotonic()
    FAULTS[fault](cluster, load)
    _upload_some(load)
    ended = time.monotonic()
    # A web node that is off answers nobody: the others count.
    surviving = [name for name in load.reads if not (fault == WEB_LOST and name == cluster.web[0].name)]
    reads = max(load.reads[name].longest_pause(began, ended) for name in surviving)
    return Pause(fault, load.uploads.longest_pause(began, ended), reads)


def worst(pauses: Sequence[Pause]) -> Pause:
    """The longest of each."""
    return Pause(
        "all",
        max((one.uploads for one in pauses), default=0.0),
        max((one.reads for one in pauses), default=0.0),
    )
