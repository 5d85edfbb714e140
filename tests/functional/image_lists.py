"""Image lists of HEPiX as endorsers write and sign them, good and bad, with openssl."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

from marketplace.views.signing import slash_name
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.functional.test_views import digest
from tests.unit.trust.authorities import root
from validators.document import format_time

AUTHORITY = root()
SITE = make_identity("Images of the Lab", "images@lab.example", "rsa2048", issuer=AUTHORITY)
JIM = make_identity("Jim", "jim@example.org", issuer=AUTHORITY)
BOB = make_identity("Bob", "bob@example.org", issuer=AUTHORITY)
SELF = make_identity("Jim", "jim@example.org")
NAMELESS = make_identity("Nobody", None, issuer=AUTHORITY)
SHORT = make_identity("Jim", "jim@example.org", "rsa1024", issuer=AUTHORITY)
NOW = datetime.now(UTC).replace(microsecond=0)
LIST = "/views/default/hepix/image.list"
#: What the site calls itself, which lists have to name.
URL = "http://lists.example.org"
TEXT = {"Content-Type": "text/plain"}


def entry(content: str, by: Identity = JIM, **fields: object) -> bytes:
    sums = tuple((name, digest(name.replace("-", "").lower(), content)) for name in ("SHA-256", "SHA-512"))
    place = (f"https://images.example/{content}.qcow2",)
    draft = image(content=content, checksums=sums, size=len(content), locations=place, **fields)
    return signed(draft, by, created=format_time(NOW - timedelta(minutes=60)))


def told(by: Identity = JIM, *contents: str, change: Callable[[dict], None] | None = None) -> bytes:
    """The text of a list, as an endorser writes it."""
    ends = format_time(NOW + timedelta(days=30))
    images = [
        {
            "hv:image": {
                "dc:identifier": f"id-{one}", "dc:title": one, "dc:description": one, "dc:date:expires": ends,
                "hv:uri": f"https://images.example/{one}.qcow2", "hv:size": len(one), "hv:version": "1",
                "hv:hypervisor": "kvm", "hv:format": "qcow2", "sl:checksum:sha512": digest("sha512", one),
                "sl:arch": "x86_64", "sl:os": "Linux", "sl:osname": "Debian", "sl:osversion": "12",
                "sl:comments": "", "ad:mpuri": "https://images.example/", "ad:group": "General",
                "ad:user:fullname": "Jim", "ad:user:guid": "1", "ad:user:uri": "https://images.example/jim",
            }
        }
        for one in contents or ("one", "two")
    ]  # fmt: skip
    named = by.certificate
    every = {
        "dc:date:created": format_time(NOW), "dc:date:expires": ends, "dc:identifier": "list",
        "dc:description": "Jim's", "dc:source": "https://images.example", "dc:title": "Jim's", "ad:vo": "lab",
        "hv:endorser": {
            "hv:x509": {
                "dc:creator": "Jim", "hv:ca": slash_name(named.issuer), "hv:dn": slash_name(named.subject),
                "hv:email": "jim@example.org",
            }
        },
        "hv:images": images, "hv:uri": f"{URL}{LIST}", "hv:version": "1",
    }  # fmt: skip
    if change is not None:
        change(every)
    return json.dumps({"hv:imagelist": every}, indent=1).encode() + b"\n"


def made(folder: Path, text: bytes, by: Identity = JIM, *more: str) -> bytes:
    """A text as OpenSSL signs it."""
    (folder / "text").write_bytes(text)
    (folder / "certificate").write_bytes(by.certificate_pem)
    (folder / "key").write_bytes(by.key_pem())
    command = ["openssl", "smime", "-sign", "-in", "text", "-signer", "certificate", "-inkey", "key", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout


def parts_of(message: bytes) -> tuple[bytes, bytes]:
    """The signed text of a message, and its signature (DER)."""
    text, signature = message_from_bytes(message).get_payload()
    return text.as_bytes().strip(), signature.get_payload(decode=True)


def proved(message: bytes, folder: Path) -> dict:
    """The list, as readers prove it."""
    (folder / "message").write_bytes(message)
    (folder / "root.pem").write_bytes(AUTHORITY.certificate_pem)
    command = ["openssl", "smime", "-verify", "-CAfile", "root.pem", "-in", "message"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["hv:imagelist"]


def changed(name: str, value: object) -> Callable[[dict], None]:
    return lambda every: every.update({name: value})


def of_image(name: str, value: object) -> Callable[[dict], None]:
    return lambda every: every["hv:images"][0]["hv:image"].update({name: value})


def nested(folder: Path) -> bytes:
    return made(folder, b"Content-Type: application/json\n\n" + told())
