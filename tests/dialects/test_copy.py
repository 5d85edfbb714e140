"""Copies of views in folders: the same bytes for the same state, proved offline, and served by anything."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from marketplace.cli import run
from marketplace.cli.database import open_database
from marketplace.config import Settings
from marketplace.federation.keys import create_keys, load_keys
from marketplace.tlog.note import sign_note
from marketplace.views.copy import parse_index
from marketplace.views.definitions import Definition
from marketplace.views.dialects import DIALECTS
from marketplace.views.entry_image import image_of
from marketplace.views.pages import write_pages
from marketplace.views.registry import ViewRegistry
from marketplace.views.value import View, entry_path
from tests.dialects import clients
from tests.dialects.conftest import Lab, entry
from tests.dialects.lxd import reads_debian
from tests.dialects.nginx import recipe, served_by_nginx
from tests.functional.catalogue import eventually, upload
from tests.functional.running import AUTHORITIES
from tests.functional.serving import folder_at
from validators.times import parse_time


@pytest.fixture
def signing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command signs lists with the keys of the marketplace."""
    for name, file in (("certificate", "site.pem"), ("key", "site.key"), ("openpgp_key", "openpgp.key")):
        monkeypatch.setenv(f"MARKETPLACE_VIEWS_{name.upper()}", str(lab.keys / file))


@pytest.fixture(scope="module")
def first(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a copy of the view that is there from the start is made, once."""
    return tmp_path_factory.mktemp("first") / "copy"


@pytest.fixture
def copied(lab: Lab, first: Path, signing: None, tmp_path: Path) -> Path:
    """A copy of the view that is there from the start, to be spoiled."""
    if not first.exists():
        with lab.server.client() as http:
            proof = f"/fed/v1/logs/public/proof/{lab.entries['withdrawn'].entry_id}"
            eventually(lambda: http.get(proof).status_code == 200)
        assert export(lab, first) == 0
    return Path(shutil.copytree(first, tmp_path / "copy"))


def export(lab: Lab, folder: Path, *more: str) -> int:
    url = "https://copy.example/lists"
    return run(["export", "--static", "--data", str(lab.server.data), "--url", url, *more, str(folder)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def all_but_the_hour(folder: Path) -> dict[str, bytes]:
    """The files of a copy; its head without when it was made, and without the signature over that."""
    files = contents(folder)
    head = json.loads(files["index.note"].partition(b"\n")[0])
    return files | {"index.note": json.dumps(head | {"hour": ""}).encode()}


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
    change_index(copied, lambda index: name_anew(index, path, altered))
    assert run(["verify", "--static", str(copied)]) == 5
    found = capsys.readouterr().err
    assert told in found and "index.json is not the one that the site signed" in found


def change_index(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Alter the index of a copy, as whoever serves it can."""
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


def name_anew(index: dict[str, Any], path: str, data: bytes) -> None:
    for one in index["files"]:
        if one[0] == path:
            one[1:] = [len(data), hashlib.sha256(data).hexdigest()]


def leave_out(lab: Lab, folder: Path, name: str) -> None:
    """Make a copy of which every part fits the others, without one image."""
    view = read_view(folder)
    gone = lab.entries[name].entry_id
    view = replace(
        view,
        images=tuple(one for one in view.images if one.entry_id != gone),
        withdrawn=tuple(one for one in view.withdrawn if one.entry_id != gone),
    )
    told = parse_index((folder / "index.json").read_bytes())
    for path in (f"entries/{gone}.xml", f"log/{gone}.txt"):
        (folder / path).unlink()
    for dialect in DIALECTS:
        for document in dialect.files(view):
            if not document.path.endswith((".list", ".sjson")):
                (folder / document.path).write_bytes(dialect.write(view, document.path))
    kept = {document.path for dialect in DIALECTS for document in dialect.files(view)}
    for one in told.files:
        if one.path.startswith("cimi/") and one.path not in kept:
            (folder / one.path).unlink()
    unavailable = {path: "lost" for path in contents(folder) if path.endswith((".list", ".sjson"))}
    for path in unavailable:
        (folder / path).unlink()
    for path, data in write_pages(view, unavailable):
        (folder / path).write_bytes(data)
    files = [
        [path, len(data), hashlib.sha256(data).hexdigest()]
        for path, data in sorted(contents(folder).items())
        if path not in ("index.json", "index.note")
    ]

    def change(index: dict[str, Any]) -> None:
        for which in ("images", "withdrawn"):
            index[which] = [one for one in index[which] if one["id"] != gone]
        index["files"], index["unavailable"] = files, unavailable

    change_index(folder, change)


def read_view(folder: Path) -> View:
    """The view that a copy is of, from its entries."""
    index = parse_index((folder / "index.json").read_bytes())
    images, withdrawn = (
        tuple(
            image_of(
                one.entry_id, (folder / entry_path(one.entry_id)).read_bytes(), one.accepted_at, private=False
            )
            for one in some
        )
        for some in (index.images, index.withdrawn)
    )
    told = {name: one for name, one in index.view.items() if name not in ("url", "updated")}
    return View(
        **told, base=index.view["url"], updated=parse_time(index.view["updated"]),
        images=images, withdrawn=withdrawn, copied=True,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["debian", "withdrawn"])
def test_a_copy_that_fits_in_itself_and_lacks_an_entry_is_refused(lab, copied, capsys, name):
    leave_out(lab, copied, name)
    assert run(["verify", "--static", str(copied), "--key", log_key(lab)]) == 5
    told = capsys.readouterr().err
    assert "index.json is not the one that the site signed in index.note" in told
    # Nothing else shows it: without the head all of it would be believed.
    assert "1 fault" in told and "1 faults" not in told
    (copied / "index.note").unlink()
    for key in ([], ["--key", log_key(lab)]):
        assert run(["verify", "--static", str(copied), *key]) == 5
        assert "nobody vouches that nothing was left out" in capsys.readouterr().err
    with folder_at(copied) as url:
        assert run(["verify", "--static", url, "--key", log_key(lab)]) == 5
        assert "nobody vouches that nothing was left out" in capsys.readouterr().err
    change_index(copied, lambda index: index.update(log_key=None))
    assert run(["verify", "--static", str(copied), "--key", log_key(lab)]) == 5


def test_a_file_that_is_gone_and_one_that_came_are_told(lab, copied, capsys):
    debian = lab.entries["debian"].entry_id
    (copied / f"entries/{debian}.xml").unlink()
    (copied / "SHA512SUMS").unlink()
    (copied / "entries/more.xml").write_bytes(lab.entries["ubuntu"].data)
    (copied / "cimi/more").write_bytes(b"{}")
    (copied / "mine").mkdir()
    (copied / "mine/notes").write_bytes(b"of the operator")
    assert run(["verify", "--static", str(copied), "--key", log_key(lab)]) == 5
    told = capsys.readouterr().err
    assert f"entries/{debian}.xml: is not there" in told and "SHA512SUMS: is not there" in told
    assert "entries/more.xml: is not named in the index" in told
    assert "cimi/more: is not named in the index" in told
    assert "mine" not in told and "4 faults" in told
    with folder_at(copied) as url:
        assert run(["verify", "--static", url]) == 5
        assert f"entries/{debian}.xml: is not there" in capsys.readouterr().err


def test_a_list_that_the_index_does_not_name_is_missed(lab, copied, capsys):
    (copied / "SHA512SUMS").unlink()
    change_index(
        copied,
        lambda index: index.update(files=[one for one in index["files"] if one[0] != "SHA512SUMS"]),
    )
    assert run(["verify", "--static", str(copied)]) == 5
    assert "SHA512SUMS: is not in the copy, and the index gives no reason" in capsys.readouterr().err


def test_a_page_says_what_the_entries_say(lab, copied, capsys):
    page = (copied / "images.json").read_bytes().replace(b"Debian", b"Debiam")
    (copied / "images.json").write_bytes(page)
    change_index(copied, lambda index: name_anew(index, "images.json", page))
    assert run(["verify", "--static", str(copied)]) == 5
    assert "images.json: does not match the entries" in capsys.readouterr().err


def test_the_head_of_another_copy_does_not_fit(lab, copied, tmp_path, capsys):
    key = ["--key", log_key(lab)]
    (tmp_path / "key").write_text(str(log_key(lab)))
    with open_database(Settings.from_mapping({"data": str(lab.server.data)})) as database:
        with database.write() as session:
            ViewRegistry(session).create(Definition("other"), by="tests", at=datetime.now(UTC))
        try:
            assert export(lab, tmp_path / "other", "--view", "other") == 0
        finally:
            with database.write() as session:
                ViewRegistry(session).delete("other", by="tests", at=datetime.now(UTC))
    # A copy of another view is proved, and told apart where somebody says which one it has to be.
    assert run(["verify", "--static", str(tmp_path / "other"), *key]) == 0
    assert "ok, view other, made " in capsys.readouterr().out
    assert run(["verify", "--static", str(tmp_path / "other"), "--view", "default", *key]) == 5
    assert "is of the view other, not of default" in capsys.readouterr().err
    assert run(["verify", "--static", str(copied), "--view", "default", *key]) == 0
    for name, told in (
        ("index.note", "not the one that the site signed"),
        ("index.json", "not the one that"),
    ):
        kept = (copied / name).read_bytes()
        (copied / name).write_bytes((tmp_path / "other" / name).read_bytes())
        assert run(["verify", "--static", str(copied), *key]) == 5
        assert told in capsys.readouterr().err
        (copied / name).write_bytes(kept)
    assert run(["verify", "--static", str(copied), *key]) == 0


def test_a_head_is_believed_of_the_sites_key_alone(lab, copied, capsys):
    keys = create_keys(copied.parent / "other-site", "lab.example")
    note = (copied / "index.note").read_bytes()
    text = note.partition(b"\n\n")[0].decode() + "\n"
    for forged in (
        sign_note(text, keys.log.named("lab.example/public")).to_bytes(),
        note.replace(b'"view":"default"', b'"view":"defaulu"'),
        note.replace(b'"hour":"20', b'"hour":"21'),
        b"nothing",
    ):
        (copied / "index.note").write_bytes(forged)
        assert run(["verify", "--static", str(copied), "--key", log_key(lab)]) == 5
        assert "index.note: " in capsys.readouterr().err
    (copied / "index.note").write_bytes(note)
    assert run(["verify", "--static", str(copied), "--key", str(keys.log.verifier)]) == 5
    # The key of the log, under the name of the log, proves it too.
    own = load_keys(lab.server.data)
    assert own is not None
    named = str(own.verifier("lab.example/public"))
    assert run(["verify", "--static", str(copied), "--key", named]) == 0


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


def test_an_index_that_leads_elsewhere_is_refused(copied, capsys):
    index = json.loads((copied / "index.json").read_text())
    for path in ("../../etc/passwd", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "a\0b"):
        told = {**index, "files": [*index["files"], [path, 1, "0" * 64]]}
        (copied / "index.json").write_text(json.dumps(told))
        assert run(["verify", "--static", str(copied)]) == 5
        assert "not the index of a copy" in capsys.readouterr().err


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
