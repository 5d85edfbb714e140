"""Two real sites that witness each other: heads are cosigned, and a restored backup publishes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketplace.db import Database
from marketplace.federation.keys import SiteKeys, create_keys
from marketplace.federation.witness import origin_digest
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint, verify_cosignature
from marketplace.tlog.leaf import EntryLeaf, EpochLeaf, parse_leaf
from marketplace.tlog.merkle import EMPTY_ROOT
from marketplace.tlog.note import parse_note
from marketplace.tlog.proof import WitnessRequest
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, start
from tests.launching import COMMAND, run_text
from tests.soaking import Tell
from tests.waiting import HANGING, wait_for

ALICE = make_identity(email="alice@example.org")
LOG = "/fed/v1/logs/public"
SECONDS = HANGING


@dataclass
class Site:
    """A site and its server, if it runs."""

    data: Path
    keys: SiteKeys
    server: RunningServer

    @property
    def origin(self) -> str:
        return f"{self.keys.site}/public"

    def upload(self, *names: object) -> None:
        with self.server.client() as client:
            for name in names:
                document = signed(image(content=f"witnessing {name}"), ALICE)
                headers = {"Content-Type": "application/rdf+xml"}
                assert client.post("/metadata", content=document, headers=headers).status_code == 201

    def size(self) -> int:
        """Published rows; -1 where nothing is published."""
        with self.server.client() as client:
            answer = client.get(f"{LOG}/checkpoint")
        return int(answer.text.split("\n")[1]) if answer.status_code == 200 else -1

    def cosigned(self, site: Site, origin: str | None = None) -> int:
        """Rows of another site's log that this one cosigned."""
        with self.server.client() as client:
            answer = client.get(f"/fed/v1/witness/{origin_digest(origin or site.origin)}/checkpoint")
        return int(answer.text.split("\n")[1]) if answer.status_code == 200 else -1

    def restart(self) -> None:
        """Stop and start on the same port, with whatever the data directory holds by then."""
        self.server.stop()
        self.server = start(self.data, self.server.port)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_text([*COMMAND, *arguments, "--data", str(self.data)])


def meet(site: Site, other: Site) -> None:
    """Add a peer, as its operator would."""
    with closing(Database.open(site.server.database_url)) as database, database.write() as session:
        keys = other.keys
        Peers(session).add(other.server.url, keys.log.verifier, keys.auth.verifier, datetime.now(UTC))


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Two sites that know each other."""
    with ExitStack() as running:
        found = []
        for name in ("a", "b"):
            data = tmp_path / name
            data.mkdir()
            keys = create_keys(data, f"mp-{name}.example")
            upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
            site = Site(data, keys, start(data))
            running.callback(lambda one=site: one.server.process.poll() is None and one.server.kill())
            found.append(site)
        a, b = found
        meet(a, b)
        meet(b, a)
        yield a, b


def verify_cosigned(a: Site, b: Site) -> None:
    """Wait until the newest head of a site carries the signature of the other one."""

    found: list[bytes] = []

    def is_cosigned() -> bool:
        with a.server.client() as client:
            found.append(client.get(f"{LOG}/checkpoint").content)
        return len(parse_note(found[-1]).signatures) == 2

    wait_for(is_cosigned, SECONDS)
    verify_checkpoint(found[-1], a.keys.verifier(a.origin))
    note = parse_note(found[-1])
    verify_cosignature(note.text, note.signatures[1], b.keys.witness)


def back_up(site: Site) -> None:
    """Keep the database as it is now."""
    backup = site.data.parent / "backup.sqlite"
    assert site.command("db", "backup", str(backup)).returncode == 0


def put_back(site: Site) -> None:
    """Start the site again with the database that was kept."""
    site.server.kill()
    for suffix in ("", "-wal", "-shm"):
        (site.data / f"marketplace.sqlite{suffix}").unlink(missing_ok=True)
    shutil.copy(site.data.parent / "backup.sqlite", site.data / "marketplace.sqlite")
    for follower in ("sparql", "search"):
        shutil.rmtree(site.data / follower, ignore_errors=True)
    site.server = start(site.data, site.server.port)


@pytest.mark.fault
def test_heads_are_cosigned_and_a_restored_backup_is_not_published(
    sites: tuple[Site, Site], tell: Tell
) -> None:
    a, b = sites
    a.upload(1, 2)
    wait_for(lambda: b.cosigned(a) == 2, SECONDS)
    verify_cosigned(a, b)
    verify_cosigned(b, a)
    refused = a.command("peer", "new-epoch", "--yes")
    assert refused.returncode == 1 and "federation.not-halted" in refused.stderr
    back_up(a)
    a.upload("lost 1", "lost 2", "lost 3")
    wait_for(lambda: b.cosigned(a) == 5, SECONDS)
    put_back(a)

    def condition() -> dict[str, object]:
        with a.server.client() as client:
            return client.get("/readyz").json()["federation"]

    wait_for(lambda: condition()["halted"] is not None, SECONDS)
    assert "5 rows of mp-a.example/public were published once" in str(condition()["halted"])
    a.upload("after")  # users are served all the same
    with a.server.client() as client:
        for path in ("checkpoint", "changes", "tile/0/000.p/1", f"proof/{'0' * 64}"):
            answer = client.get(f"{LOG}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (503, "federation.halted")
        assert client.get("/.well-known/marketplace-federation").json()["logs"] == []
    a.restart()
    assert a.size() == -1

    told = a.command("peer", "new-epoch")
    assert told.returncode == 0 and "5 rows" in told.stderr and a.size() == -1
    opened = a.command("peer", "new-epoch", "--yes")
    assert (opened.returncode, opened.stdout) == (0, "mp-a.example/public/e2\n"), opened.stderr
    # Behind the first row: the entries of the backup, the one uploaded since, and what the peer gave back.
    wait_for(lambda: a.size() >= 4, SECONDS)
    with a.server.client() as client:
        leaves = [parse_leaf(line) for line in client.get(f"{LOG}/changes").content.splitlines()]
        said = client.get("/.well-known/marketplace-federation").json()
        lines = client.get(f"{LOG}/bodies/000.p/1").content
    assert (said["epoch"], said["logs"][0]["origin"]) == (2, "mp-a.example/public/e2")
    assert isinstance(leaves[0], EpochLeaf) and lines == bytes(4)
    assert (leaves[0].origin, leaves[0].size) == ("mp-a.example/public", 5)
    assert all(isinstance(leaf, EntryLeaf) for leaf in leaves[1:])
    with b.server.client() as client:
        old = client.get(f"/fed/v1/witness/{origin_digest(a.origin)}/checkpoint").content
    assert verify_checkpoint(old, a.keys.verifier(a.origin)).checkpoint.root == leaves[0].root
    second = a.command("peer", "new-epoch", "--yes")
    assert second.returncode == 1 and "federation.not-halted" in second.stderr
    verify_later_epoch_noticed(a, b)
    tell(2)
    acts = a.command("audit", "-o", "json")
    assert acts.returncode != 0 or any(
        act["action"] == "federation.new-epoch" for act in json.loads(acts.stdout)
    )


def verify_later_epoch_noticed(a: Site, b: Site) -> None:
    """The old backup again: what it has of the first epoch is true, and the site went on without it."""
    wait_for(lambda: b.cosigned(a, f"{a.origin}/e2") == a.size(), SECONDS)
    b.server.stop()
    put_back(a)  # nobody answers at the start, so it is found out when the peer is there again
    b.server = start(b.data, b.server.port)

    def reason() -> str:
        with a.server.client() as client:
            return str(client.get("/readyz").json()["federation"]["halted"])

    wait_for(lambda: f"{a.origin}/e2" in reason(), SECONDS)
    assert a.size() == -1
    opened = a.command("peer", "new-epoch", "--yes")
    assert (opened.returncode, opened.stdout) == (0, f"{a.origin}/e3\n"), opened.stderr
    wait_for(lambda: a.size() >= 1, SECONDS)


@pytest.mark.fault
def test_an_empty_database_under_a_name_that_published_is_noticed(sites: tuple[Site, Site]) -> None:
    a, b = sites
    a.upload(1)
    wait_for(lambda: b.cosigned(a) == 1, SECONDS)
    a.server.kill()
    for path in a.data.glob("marketplace.sqlite*"):
        path.unlink()
    upgrade(a.server.database_url)
    meet(a, b)
    a.server = start(a.data, a.server.port)

    def code() -> str:
        with a.server.client() as client:
            answer = client.get(f"{LOG}/checkpoint")
        return "" if answer.status_code == 200 else str(answer.json()["code"])

    wait_for(lambda: code() == "federation.halted", SECONDS)


@pytest.mark.fault
def test_an_epoch_that_is_far_ahead_of_a_backup_is_noticed(sites: tuple[Site, Site]) -> None:
    """The peer met this site in its twelfth epoch, and the backup knows only the first."""
    a, b = sites
    a.upload(1)
    wait_for(lambda: b.cosigned(a) == 1, SECONDS)
    later = sign_checkpoint(Checkpoint(f"{a.origin}/e12", 0, EMPTY_ROOT), a.keys.log).to_bytes()
    with b.server.client() as client:
        shown = client.post("/fed/v1/witness/add-checkpoint", content=WitnessRequest(0, (), later).to_bytes())
        assert shown.status_code == 200, shown.text
    a.restart()

    def halted() -> str:
        with a.server.client() as client:
            return str(client.get("/readyz").json()["federation"]["halted"])

    wait_for(lambda: f"{a.origin}/e12" in halted(), SECONDS)
    opened = a.command("peer", "new-epoch", "--yes")
    assert (opened.returncode, opened.stdout) == (0, f"{a.origin}/e13\n"), opened.stderr
