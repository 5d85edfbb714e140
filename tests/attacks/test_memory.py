"""Floods of refused uploads: the server gives back the memory that they took."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.attacks.catalogue import ATTACKS, documents
from tests.functional.running import RunningServer, running_server
from tests.soaking import Tell

#: MiB of resident memory that may be more after a flood than before the first request.
MOST = 50
#: Clients at the same time: more than the server has threads.
CLIENTS = 16
SOAK_UPLOADS = 2_000

Upload = tuple[str, dict[str, str], bytes]

_XML = {"Content-Type": "application/rdf+xml"}
_FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def plain(data: bytes) -> Upload:
    """As a client of the command line sends it."""
    return "/metadata", _XML, data


def form(data: bytes) -> Upload:
    """As the page for uploads sends it."""
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    return "/upload", _FORM | {"Accept": "text/html"}, head + data + b"\r\n--b--\r\n"


def dry_run(data: bytes) -> Upload:
    """As a dry run."""
    return "/api/v1/verify", _XML, data


def resident(server: RunningServer) -> int:
    """MiB of memory that the server process holds now."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1024


def flood(server: RunningServer, uploads: Iterable[Upload]) -> int:
    """Send uploads from several clients at the same time; returns how many were answered, all of them."""
    with server.client(limits=httpx.Limits(max_connections=CLIENTS)) as client:

        def send(upload: Upload) -> int:
            path, headers, data = upload
            return client.post(path, content=data, headers=headers).status_code

        with ThreadPoolExecutor(CLIENTS) as senders:
            statuses = list(senders.map(send, uploads))
    assert set(statuses) <= {200, 400, 413}
    return len(statuses)


def test_a_flood_of_refused_uploads_leaves_the_memory_as_it_was(tmp_path: Path) -> None:
    by_size = sorted((data for _, data in documents()), key=len)
    uploads = [plain(data) for data in by_size[::6]]
    uploads += [way(data) for way in (plain, form, dry_run) for data in by_size[-25:]]
    with running_server(tmp_path, upload_legacy="accept") as server:
        before = resident(server)
        flood(server, uploads)
        assert resident(server) - before < MOST


@pytest.mark.soak
@pytest.mark.parametrize("kind", sorted({attack.kind for attack in ATTACKS}))
def test_two_thousand_refused_uploads_of_one_kind_leave_the_memory_as_it_was(
    kind: str, tmp_path: Path, tell: Tell
) -> None:
    of_kind = [data for attack, data in documents() if attack.kind == kind]
    uploads = [way(data) for data in of_kind for way in (plain, form, dry_run)]
    with running_server(tmp_path, upload_legacy="accept") as server:
        before = resident(server)
        tell(flood(server, itertools.islice(itertools.cycle(uploads), SOAK_UPLOADS)))
        assert resident(server) - before < MOST
