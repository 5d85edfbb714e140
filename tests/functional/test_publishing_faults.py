"""What stops ``marketplace publish`` and what does not: faults of network, disk and image, and rivals."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from marketplace.cli.keys import KeyFiles
from tests.factories import images
from tests.factories.identities import make_identity
from tests.functional.cutting_proxy import cutting_proxy
from tests.functional.publisher import KEYS, content, entry_of, here, publish, uploads
from tests.functional.running import RunningServer
from tests.unit.locations.content import ContentServer
from validators import accept
from validators.document import AcceptedEntry
from validators.revision import unsigned, with_valid
from validators.signing import sign

__all__ = ["content", "here", "publish"]


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_lost_upload_is_gone_on_with_and_is_one_entry(
    publish, server: RunningServer, http: httpx.Client, cut
) -> None:
    size = uploads(http)
    with cutting_proxy(server.url) as proxy:
        proxy.cut = cut
        there = {"MARKETPLACE_ENDPOINT": proxy.url}
        message = publish("--title", "Lost", image=publish.fresh(), code=7, **there)
        assert message.splitlines()[-1].startswith("marketplace: ")
        proxy.cut = ""
        told = publish("--title", "Lost", **there)
        assert len({accept(data).entry_id for data in proxy.uploads}) == 1
    assert uploads(http) == size + 1
    assert entry_of(http, told).metadata.title == "Lost"


def test_a_marketplace_that_is_down_is_one_sentence(publish) -> None:
    message = publish(
        "--title", "Down", image=publish.fresh(), code=7, MARKETPLACE_ENDPOINT="http://127.0.0.1:9"
    )
    assert message.splitlines()[-1].startswith("marketplace: ")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(b"404 page", "has 8 bytes, not"), (None, "does not begin like the image")],
    ids=["other size", "other content"],
)
def test_a_location_that_has_something_else_stops(
    publish, content: ContentServer, http, wrong, words
) -> None:
    size = uploads(http)
    image = publish.fresh()
    publish("--dry-run", image=image)
    (path,) = [path for path, served in content.files.items() if served == image]
    content.files[path] = wrong or bytes(reversed(image))
    message = publish(code=5)
    assert words in message.splitlines()[-1]
    assert "nothing was published" in message
    assert uploads(http) == size
    assert publish("--no-look")["outcome"] == "published"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--valid", "soon"), 2),
        (("--set", "title"), 2),
        (("--set", "nobody:knows=1"), 2),
        (("--set", "slreq:bytes=1"), 2),
        (("--set", "dcterms:identifier=1"), 2),
        (("--inbound-port", "99999"), 5),
        (("--title", "a\x0bb"), 5),
        (("--tag", ""), 2),
        (("--title", " "), 2),
        (("--location", "https://me:secret@images.example.org/image"), 5),
        (("--password-file", "nowhere"), 3),
        (("--key", "cert.pem"), 1),
    ],
)
def test_what_cannot_be_published_is_one_sentence(publish, http, options, code) -> None:
    size = uploads(http)
    message = publish(*options, image=publish.fresh(), code=code)
    assert message.splitlines()[-1].startswith("marketplace: ")
    assert uploads(http) == size


def test_hostile_images_are_not_published(publish) -> None:
    assert "backing file" in publish(image=images.qcow2(backing_file=b"/etc/passwd"), code=5)


def test_a_full_disk_is_one_sentence_and_nothing_half_is_left(
    server: RunningServer, here: Path, http: httpx.Client
) -> None:
    (here / "image.qcow2").write_bytes(images.qcow2(1 << 30) + b"full")
    size = uploads(http)
    # A limit of the size of files is what a full disk is to those who write: every write fails.
    program = "from marketplace.cli import main; main()"
    line = f'ulimit -f 0; exec "$0" -c "{program}" publish image.qcow2 --no-look {" ".join(KEYS)}'
    environ = {**os.environ, "MARKETPLACE_ENDPOINT": server.url, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["sh", "-c", line, sys.executable], cwd=here, env=environ, capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr.decode()
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("marketplace: .marketplace/")
    assert b"Traceback" not in done.stderr
    kept = [
        path.name for path in (here / ".marketplace").rglob("*") if path.is_file() and path.stat().st_size
    ]
    assert kept == []
    assert uploads(http) == size


def test_what_is_published_is_published_where_the_receipt_cannot_be_kept(publish, here: Path) -> None:
    draft = Path(publish("--dry-run", image=publish.fresh())["draft"])
    (here / draft.parent / "receipt.json").mkdir()
    assert publish()["outcome"] == "published"


def test_a_stranger_with_ones_address_stops_nothing_and_is_not_gone_on_from(
    publish, cli, here: Path, http: httpx.Client
) -> None:
    image = publish.fresh()
    own = entry_of(http, publish("--title", "Hers", "--tag", "contested", image=image))
    stranger = KeyFiles(None, *_key_of(here, "stranger"), None).load()

    def claim(entry: AcceptedEntry, title: str) -> AcceptedEntry:
        created = entry.created + timedelta(seconds=1)
        draft = unsigned(entry.data).replace(b"Hers", title.encode())
        data = sign(draft, stranger, created)
        answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
        assert answer.status_code == 201, answer.text
        return accept(data)

    theirs = claim(own, "Theirs")
    same = publish("--title", "Hers", "--tag", "contested")
    assert (same["outcome"], same["entry"]) == ("unchanged", own.coordinates.path())
    name = own.coordinates.path().rpartition("/")[0]
    for named, code in ((name, 0), (theirs.coordinates.path(), 0), (own.coordinates.path(), 0)):
        done = cli("extend", "--until", "2031-01-01", "--dry-run", *KEYS, named)
        assert done.code == (2 if named == name else code), done.err  # a dry run reads no key
    assert cli("deprecate", "--reason", "a hole", *KEYS, name).code == 0
    assert cli("undeprecate", *KEYS, name).code == 0

    image = publish.fresh()
    told = publish("--like", "contested", image=image, name="next.qcow2")
    assert entry_of(http, told).metadata.title == "Hers"
    claim(entry_of(http, told), "Theirs again")

    # With a new key, and nobody who vouches for it, the endorser has to say which one is hers.
    _key_of(here, "new")
    new = ("--cert", "new.cert.pem", "--key", "new.key.pem")
    message = publish("--like", "contested", *new, image=publish.fresh(), name="new.qcow2", code=5)
    assert "another key signed" in message
    told = publish("--like", own.coordinates.path(), *new, name="new.qcow2")
    assert entry_of(http, told).metadata.title == "Hers"
    # Of an image that two keys speak about, and the new one does not yet, a third statement is made.
    told = publish("--title", "Third", *new)
    assert told["outcome"] == "published"
    assert publish("--title", "Third", *new)["outcome"] == "unchanged"


def test_several_seconds_that_strangers_have_are_stepped_over(
    publish, here: Path, http: httpx.Client
) -> None:
    content = publish.fresh()
    draft = Path(publish("--dry-run", "--title", "Late", image=content)["draft"])
    # Of two keys, so that neither's newest entry is taken for the present one.
    strangers = [KeyFiles(None, *_key_of(here, name), None).load() for name in ("one", "two")]
    begun = datetime.now(UTC).replace(microsecond=0)
    # More of them than there are attempts, from the one that is now on.
    for second in range(12):
        data = sign((here / draft).read_bytes(), strangers[second % 2], begun + timedelta(seconds=second))
        answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
        assert answer.status_code == 201, answer.text
    told = publish("--title", "Late")
    assert entry_of(http, told).created >= begun + timedelta(seconds=12)


def _key_of(folder: Path, name: str) -> tuple[Path, Path]:
    identity = make_identity(name, "petra@example.org")
    cert, key = folder / f"{name}.cert.pem", folder / f"{name}.key.pem"
    cert.write_bytes(identity.certificate_pem)
    key.write_bytes(identity.key_pem())
    return cert, key


@pytest.mark.parametrize("later", [0, 1], ids=["in the same second", "a second later"])
def test_two_machines_that_publish_one_image_at_once_both_come_through(
    publish, server: RunningServer, http: httpx.Client, here: Path, later: int
) -> None:
    identity = KeyFiles(None, here / "cert.pem", here / "key.pem", None).load()
    rivals: list[AcceptedEntry] = []

    def be_quicker(body: bytes) -> None:
        if not rivals:
            created = accept(body).created + timedelta(seconds=later)
            data = sign(with_valid(unsigned(body), created + timedelta(days=30)), identity, created)
            rivals.append(accept(data))
            answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
            assert answer.status_code == 201, answer.text

    with cutting_proxy(server.url) as proxy:
        proxy.before = be_quicker
        there = {"MARKETPLACE_ENDPOINT": proxy.url}
        told = publish("--title", "Both", "--valid", "90d", image=publish.fresh(), **there)
        again = publish("--title", "Both", "--valid", "90d", **there)
    (rival,) = rivals
    entry = entry_of(http, told)
    assert (entry.identifier, entry.metadata.title) == (rival.identifier, "Both")
    assert entry.created > rival.created
    assert again["outcome"] == "unchanged"
    assert http.get("/api/v1/conflicts").json()["conflicts"] == []
