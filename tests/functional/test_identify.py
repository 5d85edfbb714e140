"""``marketplace identify`` and the ways to name an entry, against a real server with a trusted endorser."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.catalogue import upload
from tests.functional.running import RunningServer, running_server
from tests.functional.test_cli import Command
from tests.unit.trust.authorities import crl_bytes, root
from validators import accept

ROOT = root()
ALICE = make_identity("Alice", "alice@example.org", issuer=ROOT)
NOW = datetime.now(UTC).replace(microsecond=0)
CONTENT = "the bytes of an image"
SHA512 = hashlib.sha512(CONTENT.encode()).hexdigest()
DRAFT = image(
    content=CONTENT, title="Known image", os="debian", tags=("lts/now",), checksums=(("SHA-512", SHA512),)
)
KNOWN = signed(DRAFT, ALICE, created=(NOW - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ"))
PATH = accept(KNOWN).coordinates.path()
IDENTIFIER = accept(KNOWN).identifier
SHA1 = hashlib.sha1(CONTENT.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("trust")
    (folder / "root.pem").write_bytes(ROOT.certificate_pem)
    dates = {"this_update": NOW - timedelta(days=1), "next_update": NOW + timedelta(days=9)}
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, **dates))
    with running_server(tmp_path_factory.mktemp("identify"), trust_anchors=str(folder)) as running:
        with running.client() as client:
            upload(client, KNOWN)
        yield running


@pytest.fixture
def command(site, tmp_path) -> Command:
    (tmp_path / "known.raw").write_bytes(CONTENT.encode())
    (tmp_path / "unknown.raw").write_bytes(b"something else")
    return Command(tmp_path, site.url)


@pytest.mark.parametrize("named", ["known.raw", SHA1.upper(), SHA512, f"sha-512:{SHA512}", IDENTIFIER])
def test_an_image_is_told_with_who_vouches_for_it(command, named):
    done = command("identify", "-o", "json", named)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["title"], told["os"], told["allowed"]) == ("Known image", "debian", True)
    assert told["entry"] == PATH
    assert [(one["email"], one["status"], one["trusted"]) for one in told["endorsers"]] == [
        ("alice@example.org", "valid", True)
    ]
    if named == "known.raw":
        assert told["digests"]["SHA-512"] == SHA512
    assert "alice@example.org: valid, trusted" in command("identify", named).stdout.decode()


def test_a_file_that_nobody_knows_is_told_by_itself(command):
    done = command("identify", "-o", "json", "unknown.raw")
    assert done.returncode == 3
    assert (json.loads(done.stdout)["allowed"], json.loads(done.stdout)["endorsers"]) == (None, [])
    assert command("identify", "1" * 64).returncode == 3
    assert command("identify", "no-such-file").returncode == 2
    assert command("identify", "f" * 41).returncode == 2


@pytest.mark.parametrize(
    "named",
    [
        IDENTIFIER,
        f"{IDENTIFIER}/alice@example.org",
        PATH,
        "alice@example.org/lts/now",
        SHA1,
        f"sha512:{SHA512}",
    ],
    # PATH names a time of this run.
    ids=["identifier", "endorser", "path", "tag", "checksum", "algorithm and checksum"],
)
def test_show_takes_every_name_of_an_entry(command, named):
    done = command("show", "-o", "id", named)
    assert (done.returncode, done.stdout) == (0, f"{PATH}\n".encode()), done.stderr


@pytest.mark.parametrize(
    "place",
    ["/metadata/{}", "/api/v1/entries/{}", "/api/v1/entries/{}/decision", "/tag/alice@example.org/lts%2Fnow"],
)
def test_show_takes_urls(command, site, place):
    url = site.url + place.format(PATH.replace("@", "%40").replace(":", "%3A"))
    done = command("show", "-o", "id", url)
    assert (done.returncode, done.stdout) == (0, f"{PATH}\n".encode()), done.stderr
