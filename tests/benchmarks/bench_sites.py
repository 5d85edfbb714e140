"""A cloud site: importing, answering, hearing of a deprecation, and having nothing to do."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from backports import zstd

from marketplace.sites.runs import Done, hear
from marketplace.sites.site import Site
from marketplace.sites.state import Followed, State
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.processes import bytes_read, processor_seconds
from tests.benchmarks.site_hook import hook_figures
from tests.factories.documents import image, signed
from tests.functional.running import RunningServer, running_server
from tests.sites.clouds import ALICE, Cloud
from tests.sites.content import content_server
from tests.sites.daemons import RunningSite, await_true, running_site
from tests.sites.pictures import Picture, raw
from validators import accept
from validators.policy import parse_policy


def run(
    size: int = 1 << 28, rounds: int = 5, images: int = 1000, judged: int = 10_000, seconds: float = 60.0
) -> list[Figure]:
    """Measure everything.

    Args:
        size: bytes of the image that is imported.
        images: that a sync knows already.
        judged: images that are judged again.
        seconds: in which the daemon has nothing to do.
    """
    with tempfile.TemporaryDirectory(prefix="bench-sites-") as directory:
        folder = Path(directory)
        (folder / "mp").mkdir()
        with running_server(folder / "mp") as server:
            return [
                *_import(folder, server, size, rounds, ("sha512",)),
                *_import(folder, server, size, rounds, ("sha256", "sha512")),
                *_daemon(folder, server, rounds * 4, seconds),
                *_known(folder, server, images),
                *_judge(folder, server, judged),
                *hook_figures(folder, _cloud(folder / "hook", server, "none"), rounds * 2),
            ]


class _Content:
    """Sends one file as fast as it can, and counts the bytes."""

    def __init__(self, path: Path) -> None:
        self.sent = 0
        content = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with path.open("rb") as file:
                    self.send_response(200)
                    self.send_header("Content-Length", str(path.stat().st_size))
                    self.end_headers()
                    self.wfile.flush()
                    content.sent += self.connection.sendfile(file)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/image"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _import(
    folder: Path, server: RunningServer, size: int, rounds: int, digests: tuple[str, ...]
) -> Iterator[Figure]:
    """An image whose entry names digests besides the SHA-1 of its identifier."""
    folder /= "-".join(digests)
    folder.mkdir()
    block = os.urandom(1 << 20)
    source = folder / "source.raw"
    with source.open("wb") as file:
        for n in range(size >> 20):
            file.write(hashlib.sha512(n.to_bytes(8)).digest() + block[64:])
    picture = Picture(source.read_bytes(), "raw")
    content = _Content(source)
    cloud = _cloud(folder / "import", server, picture.identifier)
    strong = tuple(
        (one.upper().replace("SHA", "SHA-"), hashlib.new(one, picture.data).hexdigest()) for one in digests
    )
    cloud.say(picture.draft(content.url, tags=(picture.identifier,), checksums=strong))
    floor, took, extra, received = [], [], [], []
    try:
        for _ in range(rounds):
            floor.append(_curl(content.url, folder / "curl"))
            sent = content.sent
            seconds, read = _imported(cloud)
            took.append(seconds)
            received.append(content.sent - sent)
            extra.append(read)
    finally:
        content.close()
    ratio = min(took) / min(floor)
    yield Figure(
        f"import of {size >> 20} MiB into a folder: sha1, {', '.join(digests)}, sync (least of {rounds})",
        f"{min(took):.2f} s",
        f"curl, sync and sha512sum: {min(floor):.2f} s",
        ratio,
        "<= 1.0",
        ratio <= 1.0,
    )
    once = max(received) / size
    yield Figure(
        "bytes from the network, of the image's", f"{once:.4f}", goal="exactly once", met=once == 1.0
    )
    back = max(extra) / size
    yield Figure("bytes read besides, of the image's", f"{back:.4f}", goal="< 0.01", met=back < 0.01)


def _curl(url: str, path: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["curl", "-sf", url, "-o", path], check=True)
    subprocess.run(["sync", path], check=True)
    subprocess.run(["sha512sum", path], check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - began
    path.unlink()
    return took


def _imported(cloud: Cloud) -> tuple[float, int]:
    """Import into an empty store; seconds, and bytes that were read beside those of the image."""
    with cloud.site() as site:
        site.judge()
        follower = site.followers[0]
        site.learn(follower)
        site.ask(follower)
        (step,) = site.plan()
        before = bytes_read()
        began = time.perf_counter()
        copy = site.act(step)
        took = time.perf_counter() - began
        assert copy is not None and copy.state == "available", copy
        extra = bytes_read() - before - copy.size
    for path in (cloud.images, cloud.folder / "state"):
        subprocess.run(["rm", "-r", path], check=True)
    return took, extra


def _daemon(folder: Path, server: RunningServer, deprecations: int, seconds: float) -> Iterator[Figure]:
    picture = raw("bench daemon")
    cloud = _cloud(folder / "daemon", server, "bench")
    cloud.configure(subscription='search = "tag=bench"\nmost = 20')
    file = cloud.file.read_text().replace("poll = 0.1", "poll = 0.5")
    cloud.file.write_text(file)
    cloud.say(picture.draft("http://127.0.0.1:9/nowhere", tags=("bench",)))
    with _published(cloud) as images, running_site(cloud) as site:
        await_true(lambda: site.allows(picture.identifier), "the image is known")
        await_true(lambda: len(cloud.visible()) == images, "the others are imported")
        lags = [_lag(site, cloud, picture, n) for n in range(deprecations)]
        worst = percentile(lags, 0.99)
        yield Figure(
            f"from the upload of a deprecation to the verdict file, p99 of {deprecations}",
            f"{worst:.2f} s",
            f"polls every 0.5 s; median {percentile(lags, 0.5):.2f} s",
            goal="< 1 s",
            met=worst < 1,
        )
        yield _answered(cloud, picture)
        times = [_asked(site, picture) for _ in range(1000)]
        yield Figure(
            "an answer over the unix socket, p99 of 1000",
            f"{percentile(times, 0.99) * 1e3:.2f} ms",
            f"median {percentile(times, 0.5) * 1e3:.2f} ms",
        )
        time.sleep(min(seconds, 15))  # what follows news has to come to rest
        before = processor_seconds(site.process.pid)
        time.sleep(seconds)  # this is what is measured
        share = (processor_seconds(site.process.pid) - before) / seconds
        yield Figure(
            "a daemon with one marketplace and nothing to do", f"{share * 100:.2f} % of a core",
            "two requests a second", None, "< 1 %", share < 0.01,
        )  # fmt: skip
        status = Path(f"/proc/{site.process.pid}/status").read_text()
        memory = int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6
        yield Figure(
            f"its memory, after {images} imports of 32 MiB, most of them compressed", f"{memory:.1f} MB",
            goal="< 80 MB", met=memory < 80,
        )  # fmt: skip


@contextmanager
def _published(cloud: Cloud) -> Iterator[int]:
    """Images that can be imported, compressed in every way; gives how many there are."""
    ways: dict[str, Callable[[bytes], bytes]] = {
        "": bytes, "gz": partial(gzip.compress, compresslevel=1), "bz2": bz2.compress, "xz": lzma.compress,
        "zst": zstd.compress,
    }  # fmt: skip
    with content_server() as content:
        for suffix, compress in ways.items():
            one = raw(f"bench {suffix}", 32 << 20)
            url = content.put(f"image.{suffix}", compress(one.data))
            cloud.say(one.draft(url, tags=("bench",), compression=suffix or None))
        yield len(ways)


class _Plain(Cloud):
    """A site as it is installed: without what httpx loads where it is there, and only others have."""

    def words(self, *words: str) -> list[str]:
        python, option, code, *rest = super().words(*words)
        return [
            python,
            option,
            f"import sys; sys.modules.update(rich=None, pygments=None, zstandard=None); {code}",
            *rest,
        ]


def _lag(site: RunningSite, cloud: Cloud, picture: Picture, n: int) -> float:
    deprecated = n % 2 == 0
    moment = f"2024-06-{n // 24 + 1:02}T{n % 24:02}:00:00Z"
    draft = picture.draft(
        "http://127.0.0.1:9/nowhere", tags=("bench",), deprecated="bad" if deprecated else None
    )
    cloud.say(draft, created=moment)
    key = f"sha512:{picture.sha512}" if not deprecated else f"id:{picture.identifier}"
    began = time.perf_counter()
    await_true(lambda: site.verdict(key) is not deprecated, "the verdict file says so")
    return time.perf_counter() - began


def _answered(cloud: Cloud, picture: Picture) -> Figure:
    with cloud.site() as site:
        site.judge()
        site.publish()
        times, waited = [], []
        for _ in range(10_000):
            began, worked = time.perf_counter(), time.thread_time()
            site.answer(f"sha512:{picture.sha512}")
            times.append(time.thread_time() - worked)
            waited.append(time.perf_counter() - began)
    worst, late = percentile(times, 0.99), percentile(waited, 0.99)
    return Figure(
        "an answer in the daemon, p99 of 10 000, processor time", f"{worst * 1e6:.1f} us",
        f"by the wall clock, beside what else runs here: {late * 1e6:.1f} us", None, "< 1 ms", worst < 0.001,
    )  # fmt: skip


def _asked(site: RunningSite, picture: Picture) -> float:
    began = time.perf_counter()
    site.ask(f"id:{picture.identifier}")
    return time.perf_counter() - began


def _known(folder: Path, server: RunningServer, images: int) -> Iterator[Figure]:
    cloud = _cloud(folder / "known", server, "none")
    cloud.configure(subscription=f'search = "tag=known"\nmost = {images}')
    for n in range(images):
        cloud.say(image(content=f"known {n}", tags=("known",), locations=("http://127.0.0.1:9/x",)))
    with cloud.site() as site:
        for _ in range(2):  # the second one comes when lists have settled
            _heard(site)
            follower = site.followers[0]
            site.state.evidence.save_followed(_earlier(follower.followed))
            follower.followed = _earlier(follower.followed)
    with cloud.site() as site:
        began = time.perf_counter()
        requests = _heard(site)
        took = time.perf_counter() - began
        known = len(site.verdicts.latest)
    assert known == images
    yield Figure(
        f"requests to the marketplace of a sync that knows {images} images, nothing new",
        str(requests), f"{took:.2f} s with proving and judging all of them", None, "<= 2", requests <= 2,
    )  # fmt: skip


def _earlier(followed: Followed) -> Followed:
    """As if the last news had come long ago."""
    return replace(followed, changed=0.0)


def _heard(site: Site) -> int:
    done = Done()
    before = site.followers[0].reader.requests
    hear(site, done)
    assert not done.unheard, done.unheard
    return site.followers[0].reader.requests - before


def _judge(folder: Path, server: RunningServer, images: int) -> Iterator[Figure]:
    cloud = _cloud(folder / "judge", server, "none")
    configuration = cloud.read()
    state = State(configuration.table.state)
    with state.database.write():
        for n in range(images):
            entry = accept(signed(image(content=f"judged {n}", checksums=(("SHA-256", f"{n:064x}"),)), ALICE))
            state.evidence.keep(entry, "bench", (), 0.0)
    site = Site(configuration, state)
    began = time.perf_counter()
    site.verdicts.judge()
    first = time.perf_counter() - began
    site.verdicts.policy = parse_policy({"size": {"most": "1GiB"}})
    began, worked = time.perf_counter(), time.thread_time()
    site.verdicts.judge()
    again, worked = time.perf_counter() - began, time.thread_time() - worked
    site.close()
    state.close()
    yield Figure(
        f"judging {images} images again after the policy changed",
        f"{worked:.2f} s of processor time, {again:.2f} s by the wall clock",
        f"proving and judging them at the start: {first:.2f} s",
        again / first,
        "< 1 s for 10 000",
        worked * 10_000 / images < 1,
    )


def _cloud(folder: Path, server: RunningServer, tag: str) -> Cloud:
    folder.mkdir()
    cloud = _Plain(folder, server)
    cloud.configure(subscription=f'tag = "alice@images.example.org/{tag}"')
    return cloud
