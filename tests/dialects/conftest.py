"""One marketplace with keys of its own, for the programs of a module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from marketplace.federation.keys import create_keys
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.factories.openpgp import Signer
from tests.functional.catalogue import upload
from tests.functional.running import RunningServer, running_server
from tests.functional.serving import images_at
from tests.functional.test_views import digest
from tests.mail.server import make_certificate
from tests.unit.trust.authorities import root
from validators import accept
from validators.document import AcceptedEntry, format_time
from validators.lxd import IMAGE_FORMAT, fingerprint_of

AUTHORITY = root()
SITE = make_identity("Images of the Lab", "images@lab.example", "rsa2048", issuer=AUTHORITY)
ALICE = make_identity("Alice", "alice@example.org")
NOW = datetime.now(UTC).replace(microsecond=0)
#: A disk that readers take for one: it begins as qcow2 does.
DISK = "QFI\xfb disk of debian"


@dataclass(frozen=True)
class Lab:
    """A marketplace, what it has, and what it signs with."""

    server: RunningServer
    entries: dict[str, AcceptedEntry]
    contents: dict[str, bytes]
    authority: Identity
    openpgp: Signer
    keys: Path

    def get(self, path: str) -> httpx.Response:
        """A document of the view that is there from the start."""
        with self.server.client() as http:
            return http.get(f"/views/default/{path}")

    @property
    def url(self) -> str:
        return f"{self.server.url}/views/default"


def entry(content: str, base: str, *, minutes: int = 60, **fields: object) -> bytes:
    """An entry about an image that a server has."""
    sums = tuple(
        (name, digest(name.replace("-", "").lower(), content)) for name in ("MD5", "SHA-256", "SHA-512")
    )
    draft = image(
        **{
            "content": content, "size": len(content.encode()), "checksums": sums,
            "locations": (f"{base}/{content.split()[-1]}.qcow2",), **fields,
        }
    )  # fmt: skip
    return signed(draft, ALICE, created=format_time(NOW - timedelta(minutes=minutes)))


def fingerprint(architecture: str, disk: bytes) -> str:
    """The element by which LXD finds a disk."""
    told = fingerprint_of(architecture, disk)
    return f'<x:fingerprint xmlns:x="{IMAGE_FORMAT}">{told}</x:fingerprint>'


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    keys = tmp_path_factory.mktemp("keys")
    (keys / "site.pem").write_bytes(SITE.certificate_pem)
    (keys / "site.key").write_bytes(SITE.key_pem())
    openpgp = Signer(keys / "gnupg", at="20240101T000000")
    (keys / "openpgp.key").write_bytes(openpgp.secret_key())
    contents = {f"/{name}.qcow2": f"disk of {name}".encode() for name in ("debian", "ubuntu")}
    data = tmp_path_factory.mktemp("lab")
    create_keys(data, "lab.example")
    with (
        images_at(contents) as base,
        running_server(
            data,
            views_certificate=str(keys / "site.pem"),
            views_key=str(keys / "site.key"),
            views_openpgp_key=str(keys / "openpgp.key"),
        ) as server,
        server.client() as http,
    ):
        documents = {
            "debian": entry(
                "disk of debian", base, os="Debian", os_version="12", tags=("debian-12",),
                title="Debian 12 für alle", valid=format_time(NOW + timedelta(days=200)),
                extra=fingerprint("x86_64", contents["/debian.qcow2"]),
            ),
            "ubuntu": entry("disk of ubuntu", base, os="Ubuntu", os_version="24.04", title="Ubuntu 24.04"),
            # What lists cannot say: without a checksum, and somewhere that is no place of the web.
            "bare": entry("bare", base, checksums=()),
            "elsewhere": entry("elsewhere", base, locations=("pdisk:host.example:1:x",)),
            "withdrawn": entry("withdrawn", base, deprecated="a backdoor"),
        }  # fmt: skip
        for document in documents.values():
            upload(http, document)
        entries = {name: accept(data) for name, data in documents.items()}
        yield Lab(server, entries, contents, AUTHORITY, openpgp, keys)
    openpgp.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Files of the certificate and key of 127.0.0.1, which is its own authority."""
    return make_certificate(tmp_path_factory.mktemp("tls"))
