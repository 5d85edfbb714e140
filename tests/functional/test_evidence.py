"""Evidence: one file from a real server, proved offline by the command and by xmlsec1 and openssl."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from marketplace.cli import run
from marketplace.federation.keys import create_keys, load_keys
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.catalogue import upload
from tests.functional.running import RunningServer, running_server
from tests.unit.trust.authorities import crl_bytes, root
from tests.waiting import wait_for
from validators import accept
from validators.document import format_time

ROOT, OTHER = root(), root("Other Root")
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
RITA = make_identity("Rita", "rita@example.org", issuer=ROOT)
KATE = make_identity("Kate", "kate@example.org", issuer=ROOT)
JANE = make_identity("Jane", "jane@example.org")
NOW = datetime.now(UTC).replace(microsecond=0)


def made(content: str, by=JIM, minutes: int = 60, **fields: object) -> bytes:
    return signed(image(content=content, **fields), by, created=format_time(NOW - timedelta(minutes=minutes)))


ENTRIES = {
    "good": made("good"),
    "second": made("good", RITA, 50),
    "strange": made("strange", JANE),
    "withdrawn": made("withdrawn", deprecated="a backdoor"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    trust = tmp_path_factory.mktemp("trust")
    (trust / "root.pem").write_bytes(ROOT.certificate_pem)
    (trust / "root.r0").write_bytes(
        crl_bytes(ROOT, KATE, this_update=NOW - timedelta(days=1), next_update=NOW + timedelta(days=9))
    )
    data = tmp_path_factory.mktemp("evidence")
    create_keys(data, "mp.example")
    with running_server(data, trust_anchors=str(trust)) as running, running.client() as http:
        for document in ENTRIES.values():
            upload(http, document)
        last = accept(ENTRIES["withdrawn"]).entry_id
        wait_for(lambda: http.get(f"/fed/v1/logs/public/proof/{last}").status_code == 200)
        yield running


@pytest.fixture
def fetch(site: RunningServer, tmp_path: Path):
    def fetch(name: str) -> Path:
        file = tmp_path / f"{name}.tar"
        path = accept(ENTRIES[name]).coordinates.path()
        assert run(["evidence", "--endpoint", site.url, "--out", str(file), path]) == 0
        return file

    return fetch


def altered(file: Path, name: str, old: bytes, new: bytes) -> Path:
    """The same archive with a file changed; an empty ``new`` leaves the file out."""
    changed = file.with_name("altered.tar")
    with tarfile.open(file) as archive, tarfile.open(changed, "w") as target:
        for member in archive:
            data = archive.extractfile(member).read()
            if member.name == name:
                assert old in data
                data = data.replace(old, new)
            if new or member.name != name:
                member.size = len(data)
                target.addfile(member, io.BytesIO(data))
    return changed


@pytest.mark.parametrize(
    ("name", "told"),
    [("good", "allowed: rita"), ("strange", "NOT allowed"), ("withdrawn", "withdrew the image")],
)
def test_evidence_proves_what_the_site_says(site, fetch, tmp_path, capsys, name, told):
    file = fetch(name)
    assert "xmlsec1 --verify" in capsys.readouterr().err
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    keys = load_keys(site.data)
    options = ["--key", str(keys.log.verifier), "--anchors", str(tmp_path / "root.pem")]
    assert run(["verify", "--evidence", str(file), *options]) == 0
    shown = capsys.readouterr()
    assert told in shown.out and "in the log mp.example/public" in shown.out
    assert "own choice" not in shown.err
    # Jim and Rita endorse one image: both are in the file.
    with tarfile.open(file) as archive:
        statements = [one for one in archive.getnames() if one.startswith("statements/")]
    assert len(statements) == (2 if name == "good" else 1)


def test_other_anchors_are_believed_nothing(fetch, tmp_path, capsys):
    file = fetch("good")
    (tmp_path / "other.pem").write_bytes(OTHER.certificate_pem)
    assert run(["verify", "--evidence", str(file), "--anchors", str(tmp_path / "other.pem")]) == 5
    assert "what is in it makes it not allowed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("evidence.json", b'"allowed": true', b'"allowed": false', "makes it allowed"),
        ("entry.xml", b"A demo image", b"A demo imagf", "is not signed"),
        ("signer.pem", b"MII", b"MIJ", "signer.pem"),
        ("receipt.txt", b"index ", b"index 1", "receipt"),
        ("anchors.pem", b"-----BEGIN", b"", "missing"),
        ("anchors.pem", b"MII", b"MIJ", "cannot be read"),
        ("evidence.json", b"marketplace-evidence/1", b"marketplace-evidence/9", "not evidence"),
        ("revocation.pem", b"MIH", b"MIJ", "cannot be read"),
    ],
)
def test_what_was_altered_proves_nothing(fetch, capsys, name, old, new, told):
    file = altered(fetch("good"), name, old, new)
    assert run(["verify", "--evidence", str(file)]) == 5
    assert told in capsys.readouterr().err


def test_what_is_no_archive_is_refused(tmp_path, capsys):
    (tmp_path / "x").write_bytes(b"no archive" * 100)
    assert run(["verify", "--evidence", str(tmp_path / "x")]) == 5
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        member = tarfile.TarInfo("evidence.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    assert run(["verify", "--evidence", str(tmp_path / "links.tar")]) == 5


def test_the_recipe_runs_as_it_is_told(fetch, tmp_path):
    missing = [tool for tool in ("xmlsec1", "openssl", "tar") if shutil.which(tool) is None]
    if missing:
        assert "REQUIRE_XMLSEC1" not in os.environ, f"needs {missing}"
        pytest.skip(f"needs {', '.join(missing)}")
    file = fetch("good")
    subprocess.run(["tar", "-xf", file], cwd=tmp_path, check=True)
    recipe = (tmp_path / "RECIPE.txt").read_text()
    lines = recipe.replace("\\\n", " ").splitlines()
    commands = [line.strip() for line in lines if line.startswith("  ") and not line.startswith("   and")]
    ran = [one for one in commands if one.split()[0] in ("xmlsec1", "openssl")]
    assert len(ran) == 4
    for command in ran:
        done = subprocess.run(["sh", "-ec", command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
