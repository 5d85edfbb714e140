"""The demo as `make run` starts it: its authority trusted, and its images where the entries say."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from marketplace.db import Database
from marketplace.demo import load_demo
from marketplace.demo.catalogue import CATALOGUE
from marketplace.demo.content import HOST, start
from marketplace.demo.hypervisor import boot_disk
from marketplace.images.decompression import decompressed, find_compression
from marketplace.ingest import IngestService, UploadPolicy
from tests.databases import upgrade
from tests.functional.running import AUTHORITIES, STOP_SECONDS, free_port
from tests.launching import ROOT
from tests.waiting import wait_for
from validators import accept
from validators.document import AcceptedEntry


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first two commands of `make run` leave."""
    data = tmp_path_factory.mktemp("demo")
    url = f"sqlite:///{data / 'marketplace.sqlite'}"
    upgrade(url)
    database = Database.open(url)
    ingest = IngestService(database, UploadPolicy())
    load_demo(data / "demo", ingest, datetime.now(UTC), free_port())  # the usual one may be somebody's demo
    ingest.close()
    database.close()
    return data


@contextmanager
def demo(data: Path) -> Iterator[tuple[httpx.Client, Path]]:
    """Its last command; the server's client, and what it writes."""
    port, log = free_port(), data / "log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    environ |= {"MARKETPLACE_DATA": str(data), "MARKETPLACE_SERVER_PORT": str(port)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "marketplace.demo.running"], cwd=ROOT, env=environ, stderr=out
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(
            base_url=url, trust_env=False, verify=AUTHORITIES, headers={"Accept": "text/html"}, timeout=60
        ) as client:
            wait_for(lambda: listens(port) or process.poll() is not None)
            yield client, log
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def content_port(data: Path) -> int:
    return int((data / "demo" / "content.port").read_text())


def entries(data: Path) -> list[AcceptedEntry]:
    return [accept(path.read_bytes()) for path in (data / "demo" / "entries").iterdir()]


def test_a_newcomer_sees_every_verdict_and_images_that_are_there(data: Path) -> None:
    with demo(data) as (client, log):
        found = {}
        for entry in entries(data):
            for place in entry.metadata.locations:
                if place.startswith("http") and "/gone/" not in place:
                    found[place.rsplit(".", 1)[-1]] = client.get(place).raise_for_status()
                    assert_holds(entry, found[place.rsplit(".", 1)[-1]].content)
        assert set(found) == {"qcow2", "raw", "gz", "xz", "zst"}
        front = wait_for(lambda: judged(client.get("/").text))
        assert "not trusted" in front and "Expiring soon" in front and "withdrawn" in front
        # Its locations are on loopback: that the site looks at them is a setting of the demo alone.
        page = next(one for one in entries(data) if one.metadata.title == "Web server with database")
        looked_at = re.compile(">available, checked.*not available, checked", re.DOTALL)
        wait_for(lambda: looked_at.search(client.get(f"/metadata/{page.coordinates.path()}").text))
        told = log.read_text()
    assert f"images are at http://{HOST}:{content_port(data)}/" in told and "Warning" not in told
    wait_for(lambda: not listens(content_port(data)))


def judged(front: str) -> str | None:
    return front if ">allowed<" in front else None


def assert_holds(entry: AcceptedEntry, file: bytes) -> None:
    compression = find_compression(file)
    image = file if compression is None else b"".join(decompressed([file], compression))
    sums = {one.algorithm: one.value for one in entry.metadata.checksums}
    assert (len(image), hashlib.sha256(image).hexdigest()) == (entry.metadata.size, sums["SHA-256"])


def test_a_port_that_is_taken_is_found_out(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        assert not start(tmp_path, taken.getsockname()[1])


def test_qemu_reads_the_images(tmp_path: Path) -> None:
    if shutil.which("qemu-img") is None:
        assert "REQUIRE_QEMU_IMG" not in os.environ
        pytest.skip("needs qemu-img")
    entry = next(one for one in CATALOGUE if one.format == "qcow2" and one.kind == "machine")
    (tmp_path / "image.qcow2").write_bytes(entry.image())
    (tmp_path / "image.raw").write_bytes(boot_disk(entry.name))
    for words in (["check", "image.qcow2"], ["compare", "image.qcow2", "image.raw"]):
        subprocess.run(["qemu-img", *words], cwd=tmp_path, check=True, capture_output=True)


def test_a_demo_of_another_version_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.demo.running"],
        cwd=ROOT,
        env={**os.environ, "MARKETPLACE_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"marketplace: the demo in {tmp_path / 'demo'} is of another version; "
        f"remove {tmp_path} and start again.\n"
    )
