"""Copies of views that were altered, or that lack something: each is found by who proves it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from tests.dialects.conftest import Lab
from tests.dialects.copies import contents, copied, export, first, log_key, signing
from tests.functional.serving import folder_at
from validators.times import parse_time

__all__ = ["copied", "first", "signing"]


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


def test_an_index_that_leads_elsewhere_is_refused(copied, capsys):
    index = json.loads((copied / "index.json").read_text())
    for path in ("../../etc/passwd", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "a\0b"):
        told = {**index, "files": [*index["files"], [path, 1, "0" * 64]]}
        (copied / "index.json").write_text(json.dumps(told))
        assert run(["verify", "--static", str(copied)]) == 5
        assert "not the index of a copy" in capsys.readouterr().err
