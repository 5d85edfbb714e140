"""What was erased is in no memory of any process any more, and in no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from marketplace.access import Scope
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import bearer, issue_token
from tests.functional.running import RunningServer, running_server
from tests.functional.sites import until
from validators import accept

XML = {"Content-Type": "application/rdf+xml"}
#: Words that stand in one entry only, in the spellings that somebody may keep of them.
WORDS = ("Zqxtitle", "Wvkwording", "zqxtagged", "zqxmailbox", "Zqxname", "Jqvhost")
SIGNER = make_identity("Zqxname Roe", "zqxmailbox@jqvhost.example")
GONE = signed(
    image(content="gone", title="Zqxtitle", description="A Wvkwording of its own", tags=("zqxtagged",)),
    SIGNER,
)
PLACE = accept(GONE).coordinates
QUERY = {"query": "SELECT ?t WHERE { ?s <http://purl.org/dc/terms/title> ?t }", "media": "json"}
SPELLED = {word.encode() for one in WORDS for word in (one, one.lower())}
MARKS = SPELLED | {PLACE.identifier.encode()}
#: More than half of what a process can read was never written.
UNWRITTEN = bytes(1 << 16)


def processes(server: RunningServer) -> set[int]:
    """The server's process and everything that it started."""
    found = {server.process.pid}
    while True:
        more = {int(path.name) for path in Path("/proc").glob("[0-9]*") if parent_of(path) in found}
        if more <= found:
            return found
        found |= more


def parent_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it ended
        return 0


def marks_in(data: bytes) -> set[bytes]:
    """The marks in some bytes: each looked for by itself, as one expression for all takes far longer."""
    return {mark for mark in MARKS if mark in data}


def in_memory(server: RunningServer) -> dict[int, set[bytes]]:
    """By process, the marks in its memory."""
    found = {pid: set().union(*map(marks_in, memory(pid))) for pid in processes(server)}
    return {pid: marks for pid, marks in found.items() if marks}


def memory(pid: int) -> Iterator[bytes]:
    """What a process can read, part by part."""
    try:
        places = Path(f"/proc/{pid}/maps").read_text().splitlines()
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
            for place in places:
                span, rights, *_ = place.split()
                start, end = (int(one, 16) for one in span.split("-"))
                if rights.startswith("r") and not place.endswith(("[vvar]", "[vsyscall]", "[vdso]")):
                    file.seek(start)
                    yield written(file.read(end - start))
    except OSError:
        return  # it ended meanwhile


def written(memory: bytes) -> bytes:
    """Some memory without the pages that have nothing in them."""
    pages = (memory[at : at + len(UNWRITTEN)] for at in range(0, len(memory), len(UNWRITTEN)))
    return b"".join(page for page in pages if page != UNWRITTEN)


def in_files(server: RunningServer) -> dict[str, set[bytes]]:
    """By file of the data directory, the marks in it. What a reader asked for is in the log of requests."""
    found: dict[str, set[bytes]] = {}
    for path in server.data.rglob("*"):
        try:
            data = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        if path == server.log:
            data = data.replace(PLACE.identifier.encode(), b"").replace(b"zqxtagged", b"")
            data = data.replace(b"jqvhost", b"")
        if marks := marks_in(data):
            found[str(path.relative_to(server.data))] = marks
    return found


def use_everywhere(client: httpx.Client) -> None:
    """Have the entry read in every way, so that it is wherever it can be."""
    until(
        lambda: "Zqxtitle" in client.get("/api/v1/search?endorser=zqxmailbox@jqvhost.example").text, "found"
    )
    until(lambda: "Zqxtitle" in client.get("/query", params=QUERY).text, "it is queried")
    for path in (
        "/", "/metadata?status=all", "/metadata?media=json", f"/metadata/{PLACE.path()}",
        f"/metadata/{PLACE.path()}?media=html", f"/api/v1/entries/{PLACE.path()}", "/api/v1/entries",
        "/tag/zqxmailbox@jqvhost.example/zqxtagged", "/endorsers", "/endorsers/zqxmailbox@jqvhost.example",
        f"/images/{PLACE.identifier}", f"/api/v1/images/{PLACE.identifier}/verdict", "/api/v1/changes",
        f"/api/v1/entries/{PLACE.path()}/decision",
    ):  # fmt: skip
        assert client.get(path).status_code == 200, path


@pytest.mark.timeout(300)
def test_nothing_of_an_erased_entry_stays_in_memory_or_on_disk(tmp_path: Path) -> None:
    kept = [
        signed(image(content=f"kept {n}", title=f"Kept {n}"), make_identity(email=f"kept{n}@example.org"))
        for n in range(5)
    ]
    with running_server(tmp_path) as server:
        admin = bearer(issue_token(server, "root", [Scope.ADMIN, Scope.UPLOAD, Scope.READ]))
        with server.client() as client:
            for document in (*kept, GONE):
                answer = client.post(
                    "/metadata", content=document, headers=XML | admin
                )  # and so in the audit log
                assert answer.status_code == 201
            use_everywhere(client)
            assert in_memory(server) and in_files(server), "the marks can be found at all"
            url = f"/api/v1/entries/{PLACE.path()}/erase"
            assert client.post(url, json={"reason": "asked"}, headers=admin).status_code == 200
        until(lambda: is_ready(server) and starts(server) == 2, "the process was replaced", 120)
        with server.client() as client:
            assert client.get("/api/v1/entries").json()["total"] == len(kept)
            assert client.get("/api/v1/search?q=kept").json()["total"] == len(kept)
        assert in_memory(server) == {}
        assert in_files(server) == {}
        with server.client() as client:  # asked last: the question itself holds a part of it
            assert client.get(f"/metadata/{PLACE.path()}").status_code == 410
        assert server.stop() == 0
    assert starts(server) == 2


def starts(server: RunningServer) -> int:
    """How often a process began to serve."""
    return sum(line.get("event") == "serving" for line in server.log_lines())


def is_ready(server: RunningServer) -> bool:
    """Whether everything works; between two processes a request waits and is not refused."""
    with server.client() as client:
        return client.get("/readyz").status_code == 200
