"""Copies of views in folders: the same bytes for the same state, proved offline, and served by anything."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from marketplace.cli import run
from marketplace.federation.keys import load_keys
from tests.dialects import clients
from tests.dialects.conftest import Lab, entry
from tests.functional.catalogue import eventually, upload
from tests.functional.serving import folder_at


@pytest.fixture
def copied(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the view that is there from the start."""
    for name, file in (("certificate", "site.pem"), ("key", "site.key"), ("openpgp_key", "openpgp.key")):
        monkeypatch.setenv(f"MARKETPLACE_VIEWS_{name.upper()}", str(lab.keys / file))
    with lab.server.client() as http:
        proof = f"/fed/v1/logs/public/proof/{lab.entries['withdrawn'].entry_id}"
        eventually(lambda: http.get(proof).status_code == 200)
    assert export(lab, tmp_path / "copy") == 0
    return tmp_path / "copy"


def export(lab: Lab, folder: Path) -> int:
    url = "https://copy.example/lists"
    return run(["export", "--static", "--data", str(lab.server.data), "--url", url, str(folder)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def log_key(lab: Lab) -> str:
    keys = load_keys(lab.server.data)
    assert keys is not None
    return str(keys.log.verifier)


def test_a_copy_is_proved_offline_and_over_http(lab, copied, capsys):
    assert run(["verify", "--static", str(copied), "--key", log_key(lab)]) == 0
    assert "give --key" not in capsys.readouterr().err
    with folder_at(copied) as url:
        assert run(["verify", "--static", url]) == 0
    told = capsys.readouterr()
    assert "4 images, 1 withdrawn, 5 receipts" in told.out
    assert "give --key" in told.err
    files, debian = contents(copied), lab.entries["debian"]
    assert files[f"entries/{debian.entry_id}.xml"] == debian.data
    maps = json.loads(files["terraform.json"])["images"][debian.identifier]
    assert maps["url"].endswith("/debian.qcow2") and "/views/" not in maps["url"]
    assert maps["entry_url"] == f"https://copy.example/lists/entries/{debian.entry_id}.xml"


def test_the_same_state_is_the_same_bytes_and_nothing_is_written_twice(lab, copied, tmp_path, capsys):
    assert export(lab, tmp_path / "second") == 0
    assert contents(tmp_path / "second") == contents(copied)
    capsys.readouterr()
    before = {path: (copied / path).stat().st_mtime_ns for path in contents(copied) if path != "index.json"}
    assert export(lab, copied) == 0
    assert " 0 files written" in capsys.readouterr().err
    assert before == {path: (copied / path).stat().st_mtime_ns for path in before}


def test_what_is_gone_goes_and_what_is_not_ours_stays(lab, copied):
    index = json.loads((copied / "index.json").read_text())
    index["files"].append(["entries/gone.xml", 4, hashlib.sha256(b"gone").hexdigest()])
    (copied / "entries" / "gone.xml").write_bytes(b"gone")
    (copied / "index.json").write_text(json.dumps(index))
    (copied / "README").write_text("of the operator")
    (copied / "SHA256SUMS").write_bytes(b"half")
    assert export(lab, copied) == 0
    assert not (copied / "entries" / "gone.xml").exists()
    assert (copied / "README").exists()
    assert run(["verify", "--static", str(copied), "--key", log_key(lab)]) == 0
    (copied / "index.json").unlink()
    assert export(lab, copied) == 2  # something is in the folder, and nothing says that it is a copy


@pytest.mark.parametrize(
    ("path", "change", "told"),
    [
        ("SHA256SUMS", lambda data: data[1:] + data[:1], "does not match the entries"),
        ("terraform.json", lambda data: data.replace(b"127.0.0.1", b"127.0.0.2"), "does not match"),
        ("hepix/image.list", lambda data: data.replace(b"debian.qcow2", b"debiam.qcow2"), "does not match"),
        (
            "simplestreams/streams/v1/images.sjson",
            lambda data: data.replace(b"Debian", b"Debiam"),
            "does not",
        ),
        ("entries/{debian}.xml", lambda data: data.replace(b"Debian 12", b"Debian 13"), "not a signed entry"),
        ("log/{debian}.txt", lambda data: data.replace(b"index ", b"index 1"), "log/"),
    ],
    ids=("sums", "maps", "signed list", "clearsigned list", "entry", "receipt"),
)
def test_what_was_altered_is_found_where_the_index_was_altered_too(lab, copied, capsys, path, change, told):
    path = path.format(debian=lab.entries["debian"].entry_id)
    altered = change((copied / path).read_bytes())
    assert altered != (copied / path).read_bytes()
    (copied / path).write_bytes(altered)
    assert run(["verify", "--static", str(copied)]) == 5
    assert f"{path}: differs from the index" in capsys.readouterr().err
    index = json.loads((copied / "index.json").read_text())
    for one in index["files"]:
        if one[0] == path:
            one[1:] = [len(altered), hashlib.sha256(altered).hexdigest()]
    (copied / "index.json").write_text(json.dumps(index))
    assert run(["verify", "--static", str(copied)]) == 5
    assert told in capsys.readouterr().err


def test_an_index_that_leads_elsewhere_is_refused(copied, capsys):
    index = json.loads((copied / "index.json").read_text())
    for path in ("../../etc/passwd", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "a\0b"):
        told = {**index, "files": [*index["files"], [path, 1, "0" * 64]]}
        (copied / "index.json").write_text(json.dumps(told))
        assert run(["verify", "--static", str(copied)]) == 5
        assert "not the index of a copy" in capsys.readouterr().err


def test_simplestreams_reads_a_copy(lab, copied, tmp_path):
    (tmp_path / "site.gpg").write_bytes(lab.openpgp.public_key(armor=False))
    with folder_at(copied) as url:
        told = clients.run(
            "sstream-query", "--json", f"--keyring={tmp_path}/site.gpg",
            f"{url}/simplestreams/streams/v1/index.sjson", folder=tmp_path,
        )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert {one["os"] for one in json.loads(told.stdout)} == {"Debian", "Ubuntu"}


def test_without_keys_a_copy_has_everything_else(lab, tmp_path, capsys):
    assert export(lab, tmp_path / "copy") == 0
    assert "hepix/image.list is left out" in capsys.readouterr().err
    assert not (tmp_path / "copy" / "hepix").exists()
    assert run(["verify", "--static", str(tmp_path / "copy"), "--key", log_key(lab)]) == 0


def test_an_entry_that_came_since_is_in_the_next_copy(lab, copied, capsys):
    with lab.server.client() as http:
        upload(http, entry("later", "https://images.example.org", minutes=5, title="Later"))
    assert export(lab, copied) == 0
    assert run(["verify", "--static", str(copied)]) == 0
    assert "5 images" in capsys.readouterr().out
