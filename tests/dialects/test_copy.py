"""Copies of views in folders: the same bytes for the same state, proved offline, and served by anything."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from marketplace.cli import run
from marketplace.cli.database import open_database
from marketplace.config import Settings
from marketplace.views.definitions import Definition
from marketplace.views.registry import ViewRegistry
from tests.dialects import clients
from tests.dialects.conftest import Lab, entry
from tests.dialects.copies import contents, copied, export, first, log_key, signing
from tests.dialects.lxd import reads_debian
from tests.dialects.nginx import recipe, served_by_nginx
from tests.functional.catalogue import upload
from tests.functional.running import AUTHORITIES
from tests.functional.serving import folder_at

__all__ = ["copied", "first", "signing"]


def all_but_the_hour(folder: Path) -> dict[str, bytes]:
    """The files of a copy; its head without when it was made, and without the signature over that."""
    files = contents(folder)
    head = json.loads(files["index.note"].partition(b"\n")[0])
    return files | {"index.note": json.dumps(head | {"hour": ""}).encode()}


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
    assert all_but_the_hour(tmp_path / "second") == all_but_the_hour(copied)
    capsys.readouterr()
    heads = ("index.json", "index.note")
    before = {path: (copied / path).stat().st_mtime_ns for path in contents(copied) if path not in heads}
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


def test_an_old_copy_is_named(lab, copied, capsys, monkeypatch):
    assert run(["verify", "--static", str(copied), "--max-age", "2h"]) == 0
    later = datetime.now(UTC) + timedelta(days=3)
    monkeypatch.setattr("marketplace.cli.view_copies.utc_now", lambda: later)
    for age, code in (("4d", 0), ("2d", 5)):
        assert run(["verify", "--static", str(copied), "--max-age", age]) == code
    assert "which is too old" in capsys.readouterr().err
    assert run(["verify", "--static", str(copied), "--max-age", "soon"]) == 2
    assert run(["verify", str(copied / "SHA256SUMS"), "--max-age", "2d"]) == 2
    assert run(["verify", str(copied / "SHA256SUMS"), "--view", "default"]) == 2


def test_a_site_without_keys_makes_a_copy_that_says_so(lab, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("marketplace.federation.keys.load_keys", lambda data: None)
    assert export(lab, tmp_path / "copy") == 0
    assert not (tmp_path / "copy" / "index.note").exists() and not (tmp_path / "copy" / "log").exists()
    assert run(["verify", "--static", str(tmp_path / "copy")]) == 0
    assert "nothing proves that nothing was left out" in capsys.readouterr().err
    assert run(["verify", "--static", str(tmp_path / "copy"), "--max-age", "2d"]) == 5
    assert "is not signed" in capsys.readouterr().err
    assert run(["verify", "--static", str(tmp_path / "copy"), "--key", log_key(lab)]) == 5


def test_programs_read_a_copy_behind_nginx(lab, copied, certificate, tmp_path, capsys):
    for name in ("nginx", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "site.gpg").write_bytes(lab.openpgp.public_key(armor=False))
    (tmp_path / "root.pem").write_bytes(lab.authority.certificate_pem)
    with served_by_nginx(copied, certificate, tmp_path / "nginx") as (url, secure):
        assert run(["verify", "--static", url, "--key", log_key(lab)]) == 0
        reads_debian(lab, f"{secure}/simplestreams", certificate[0], tmp_path / "home")
        told = clients.run(
            "sstream-query", "--json", f"--keyring={tmp_path}/site.gpg",
            f"{url}/simplestreams/streams/v1/index.sjson", folder=tmp_path,
        )  # fmt: skip
        images = httpx.get(f"{url}/hepix/image.list", trust_env=False, verify=AUTHORITIES).content
        disk = httpx.get(f"{url}/{path_of(lab, 'ubuntu')}", trust_env=False, verify=AUTHORITIES)
    assert told.returncode == 0, told.stderr
    assert {one["os"] for one in json.loads(told.stdout)} == {"Debian", "Ubuntu"}
    (tmp_path / "image.list").write_bytes(images)
    proved = clients.run(
        "openssl", "smime", "-verify", "-CAfile", "root.pem", "-in", "image.list", folder=tmp_path
    )
    assert proved.returncode == 0, proved.stderr
    entries = [one["hv:image"]["ad:mpuri"] for one in json.loads(proved.stdout)["hv:imagelist"]["hv:images"]]
    assert f"https://copy.example/lists/entries/{lab.entries['debian'].entry_id}.xml" in entries
    assert disk.status_code == 302
    assert disk.headers["location"] == lab.entries["ubuntu"].metadata.locations[0]


def test_no_location_breaks_the_configuration_of_nginx(tmp_path):
    """Others choose locations: quotation marks, variables, and more than nginx reads of a parameter."""
    lines = ('/images/A/a https://a.example/$x";}\\ 302', f"/images/B/b https://a.example/{'b' * 5000} 302")
    (tmp_path / "_redirects").write_text("\n".join(lines) + "\n")
    script = recipe("sh").replace("/srv/lists.map", f"{tmp_path}/map").replace("/srv/lists", str(tmp_path))
    subprocess.run(["sh", "-ec", script], check=True)
    assert (tmp_path / "map").read_text() == '"/images/A/a" "https://a.example/%24x%22;}%5C";\n'


def path_of(lab: Lab, name: str) -> str:
    return f"images/{lab.entries[name].identifier}/{name}.qcow2"


def test_without_keys_a_copy_has_everything_else(lab, tmp_path, capsys):
    assert export(lab, tmp_path / "copy") == 0
    assert "hepix/image.list is left out" in capsys.readouterr().err
    assert not (tmp_path / "copy" / "hepix").exists()
    assert run(["verify", "--static", str(tmp_path / "copy"), "--key", log_key(lab)]) == 0


def test_a_view_with_words_is_copied_beside_the_running_server(lab, tmp_path, capsys):
    with open_database(Settings.from_mapping({"data": str(lab.server.data)})) as database:
        with database.write() as session:
            ViewRegistry(session).create(
                Definition("words", search="q=debian+alle"), by="tests", at=datetime.now(UTC)
            )
        assert export(lab, tmp_path / "copy", "--view", "words") == 0
        with database.write() as session:
            ViewRegistry(session).delete("words", by="tests", at=datetime.now(UTC))
    images = json.loads((tmp_path / "copy" / "images.json").read_text())
    assert [one["title"] for one in images] == ["Debian 12 für alle"]
    assert run(["verify", "--static", str(tmp_path / "copy"), "--key", log_key(lab), "--view", "words"]) == 0


def test_an_entry_that_came_since_is_in_the_next_copy(lab, copied, capsys):
    with lab.server.client() as http:
        upload(http, entry("later", "https://images.example.org", minutes=5, title="Later"))
    assert export(lab, copied) == 0
    assert run(["verify", "--static", str(copied)]) == 0
    assert "5 images" in capsys.readouterr().out
