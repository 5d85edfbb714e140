"""What passes through a site where a real Glance fetches images by itself (``make openstack``).

``python -m tests.benchmarks --only glance``
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from marketplace.sites.image_comparison import HEAD
from marketplace.sites.runs import Done, hear
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import bytes_read
from tests.contract.store_contract import raw
from tests.functional.running import RunningServer, running_server
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer, content_server
from tests.sites.glances import Counted, offer
from tests.sites.openstacks import VENV, OpenStack, running_openstack


def run(sizes: tuple[int, ...] = (1 << 20, 6 << 20)) -> list[Figure]:
    """Have images of these sizes fetched; measures nothing where there is no Glance."""
    if not (VENV / ".ready").exists():
        return [Figure("bytes through the site", "not measured: there is no build/openstack")]
    with tempfile.TemporaryDirectory(prefix="bench-glance-") as directory:
        folder = Path(directory)
        (folder / "mp").mkdir()
        (folder / "openstack").mkdir()
        with (
            running_server(folder / "mp") as server,
            running_openstack(folder / "openstack") as openstack,
            content_server() as content,
        ):
            openstack.clouds(openstack.folder / "clouds.yaml")
            passed = [_fetched(folder / str(size), server, openstack, content, size) for size in sizes]
    shown = " and ".join(f"{size >> 20} MiB" for size in sizes)
    of_location, in_all = zip(*passed, strict=True)
    return [
        Figure(
            f"bytes of the location through the site, where Glance fetches {shown}",
            " and ".join(map(str, of_location)), "and as many of what Glance stored", None,
            f"{HEAD}, of any image", set(of_location) == {HEAD},
        ),
        Figure(
            "bytes that the site reads for it in all", " and ".join(map(str, in_all)),
            "both beginnings, authorities of TLS, answers of Glance", None, "as many of each",
            max(in_all) - min(in_all) < HEAD,
        ),
    ]  # fmt: skip


def _fetched(
    folder: Path, server: RunningServer, openstack: OpenStack, content: ContentServer, size: int
) -> tuple[int, int]:
    """Bytes that the site took of the location, and all bytes that it read."""
    folder.mkdir()
    picture = raw(f"web-download {size}", size)
    served, cloud = Counted(picture.data), Cloud(folder, server)
    offer(cloud, openstack, picture, content.put(str(size), served), name="open")
    with cloud.site() as site:
        hear(site, Done())
        (step,) = site.plan()
        before = bytes_read()
        copy = site.act(step)
        read = bytes_read() - before
    assert copy is not None and copy.state == "available", copy
    assert served.bytes["glance"] == size, served.bytes
    return served.bytes["site"], read
