"""``marketplace publish`` against a real server: from an image file to an entry, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.factories import images
from tests.functional.private_site import GROUP, MEMBER, OUTSIDER, READER, bearing, private_site
from tests.functional.publisher import KEYS, content, entry_of, here, publish, uploads
from tests.functional.running import RunningServer
from tests.unit.cli.test_terminal import on_terminal
from validators import accept
from validators import vocabulary as v
from validators.lxd import find_fingerprint, fingerprint_of

__all__ = ["content", "here", "publish"]


def test_one_command_publishes_an_image(publish, http: httpx.Client, here: Path) -> None:
    told = publish(
        "--title", "Debian 13", "--os", "debian", "--tag", "one", "--tag", "two", "--valid", "90d",
        "--licence", "CC0-1.0", "--login-user", "debian", "--set", "slterms:disks-bus=virtio",
        "--inbound-port", "22",
        image=publish.fresh(),
    )  # fmt: skip
    assert told["outcome"] == "published"
    entry = entry_of(http, told)
    said = entry.metadata
    assert (said.title, said.os, said.tags, said.format) == ("Debian 13", "debian", ("one", "two"), "qcow2")
    assert {one.algorithm for one in said.checksums} == {"MD5", "SHA-1", "SHA-256", "SHA-512"}
    assert said.size == (here / "image.qcow2").stat().st_size
    assert {term.text for term in said.terms if term.name in (v.slterms("disks-bus"), v.INBOUND_PORT)} == {
        "virtio",
        "22",
    }
    assert said.valid is not None
    assert [one["code"] for one in told["advice"]][:2] == ["location.not-https", "location.private-address"]


def test_publishing_again_what_is_said_already_changes_nothing(publish, http: httpx.Client) -> None:
    first = publish("--title", "Same", image=publish.fresh())
    size = uploads(http)
    again = publish("--title", "Same")
    assert (again["outcome"], again["entry"]) == ("unchanged", first["entry"])
    assert uploads(http) == size
    other = publish("--title", "Other")
    assert other["outcome"] == "published"
    assert entry_of(http, other).metadata.title == "Other"


def test_what_was_withdrawn_is_not_offered_again_by_the_way(publish, cli, http: httpx.Client) -> None:
    first = publish("--title", "Bad", image=publish.fresh())
    name = first["entry"].rpartition("/")[0]
    assert cli("deprecate", "--reason", "a hole", *KEYS, name).code == 0
    size = uploads(http)
    message = publish("--title", "Bad", code=8)
    assert "(a hole)" in message and "undeprecate" in message
    assert uploads(http) == size
    assert cli("undeprecate", *KEYS, name).code == 0
    assert publish("--title", "Bad")["outcome"] == "unchanged"


def test_a_dry_run_needs_no_key_and_uploads_nothing(publish, cli, here: Path, http: httpx.Client) -> None:
    size = uploads(http)
    (here / "image.qcow2").write_bytes(publish.fresh())
    done = cli("publish", "image.qcow2", "--title", "Dry", "--no-look", "--dry-run", "-o", "json")
    assert done.code == 0, done.err
    told = done.json
    assert told["outcome"] == "dry-run"
    assert cli("publish", "image.qcow2", "--title", "Dry", "--no-look", "--dry-run", "-o", "id").out == b""
    assert b"<dcterms:title>Dry</dcterms:title>" in (here / told["draft"]).read_bytes()
    assert uploads(http) == size
    assert not list(here.glob(".marketplace/*/signed.xml"))


def test_an_entry_can_be_like_an_earlier_one(publish, http: httpx.Client) -> None:
    extra = (
        "--set",
        "{http://example.org/x#}lab=orsay",
        "--os",
        "debian",
        "--tag",
        "series",
        "--version",
        "1",
    )
    first = entry_of(http, publish(*extra, image=publish.fresh()))
    image = publish.fresh()
    told = publish("--like", "series", "--version", "2", image=image, name="next.qcow2")
    second = entry_of(http, told)
    assert (second.metadata.os, second.metadata.tags, second.metadata.version) == ("debian", ("series",), "2")
    assert [one.text for one in second.metadata.extensions] == ["orsay"]
    assert [term.text for term in second.metadata.terms if term.name == v.dcterms("replaces")] == [
        first.identifier
    ]
    assert first.metadata.locations != second.metadata.locations
    again = publish("--like", "series", "--version", "2", name="next.qcow2")
    assert (again["outcome"], again["entry"]) == ("unchanged", told["entry"])
    back = publish(
        "--like", "petra@example.org/series", "--version", "1", name="next.qcow2", image=publish.fresh()
    )
    assert "tag.goes-back" in [one["code"] for one in back["advice"]]
    for like in (
        first.identifier,
        first.coordinates.path(),
        f"http://elsewhere/metadata/{first.coordinates.path()}",
    ):
        assert publish("--like", like, "--dry-run", name="next.qcow2")["outcome"] == "dry-run"
    publish("--like", "nothing", name="next.qcow2", code=3)


def test_facts_come_from_a_file_in_ci(cli, here: Path, http: httpx.Client) -> None:
    (here / "image").write_bytes(images.qcow2(3 << 30) + b"from json")
    facts = cli("describe", "image", "-o", "json")
    (here / "facts.json").write_bytes(facts.out)
    done = cli("publish", "--from-json", "facts.json", "--title", "CI", *KEYS, "-o", "id")
    assert done.code == 0, done.err
    entry = accept(http.get(f"/metadata/{done.out.decode().strip()}").content)
    assert entry.identifier == facts.json["identifier"]
    for text in ("{}", "["):
        (here / "facts.json").write_text(text)
        assert cli("publish", "--from-json", "facts.json", *KEYS).code == 2
    (here / "build").mkdir()
    (here / "build" / "built").write_bytes(images.qcow2(3 << 40) + b"by Packer")
    file = {"name": "built", "size": (here / "build" / "built").stat().st_size}
    built = {"builds": [{"packer_run_uuid": "a", "files": [file]}], "last_run_uuid": "a"}
    (here / "build" / "packer-manifest.json").write_text(json.dumps(built))
    done = cli("publish", "--from-json", "build/packer-manifest.json", "--title", "Built", *KEYS, "-o", "id")
    assert done.code == 0, done.err
    assert "note      the image claims to be a disk of 3 TiB" in done.err
    described = cli("describe", "build/built", "-o", "json").json
    assert done.out.decode().startswith(described["identifier"])
    (here / "build" / "built").write_bytes(b"x")
    assert "Packer's manifest says" in cli("publish", "--from-json", "build/packer-manifest.json", *KEYS).err
    for arguments in (["image", "--from-json", "facts.json"], []):
        assert cli("publish", *arguments, *KEYS).code == 2


def test_a_fingerprint_for_lxd_is_signed_where_it_is_asked_for(publish, cli, here: Path, http) -> None:
    disk, later = publish.fresh(), publish.fresh()
    made = ("--arch", "amd64", "--tag", "lxd")
    told = publish("--lxd", *made, image=disk)
    assert find_fingerprint(entry_of(http, told).metadata) == fingerprint_of("x86_64", disk)
    # What was read for LXD is not signed by a run that does not ask for it.
    told = publish(*made)
    assert find_fingerprint(entry_of(http, told).metadata) is None
    told = publish("--lxd", *made)
    # Another image has none of the earlier one.
    told = publish("--like", told["entry"], image=later, name="later.qcow2")
    assert find_fingerprint(entry_of(http, told).metadata) is None
    (here / "facts.json").write_bytes(cli("describe", "later.qcow2", "--lxd", "aarch64", "-o", "json").out)
    facts = ("publish", "--from-json", "facts.json", "--location", "https://a.example/x", "--no-look", *KEYS)
    done = cli(*facts, "--arch", "x86_64")
    assert done.code == 5 and "lxd.differs" in done.err
    done = cli(*facts, "--arch", "aarch64", "-o", "json")
    assert done.code == 0, done.err
    assert find_fingerprint(entry_of(http, done.json).metadata) == fingerprint_of("aarch64", later)


def test_a_fingerprint_for_lxd_needs_an_architecture_and_a_digest(publish, cli, here: Path) -> None:
    assert "--lxd needs --arch" in publish("--lxd", image=publish.fresh(), code=2)
    (here / "facts.json").write_bytes(cli("describe", "image.qcow2", "-o", "json").out)
    done = cli("publish", "--from-json", "facts.json", "--lxd", "--arch", "x86_64", *KEYS)
    assert done.code == 2 and "describe --lxd x86_64" in done.err


def test_an_edited_draft_is_published_and_must_stay_about_the_image(publish, here: Path, http) -> None:
    editor = here / "editor"
    editor.write_text('#!/bin/sh\nsed -i "$EDIT" "$1"\n')
    editor.chmod(0o755)
    image = publish.fresh()
    environ = {"EDITOR": str(editor), "VISUAL": str(editor)}
    edited = publish("--title", "Before", "--edit", image=image, EDIT="s/Before/After/", **environ)
    assert entry_of(http, edited).metadata.title == "After"
    message = publish(
        "--title", "Bytes", "--edit", "--no-look", EDIT="s/<slreq:bytes>/&1/", code=5, **environ
    )
    assert "no longer match the image" in message


def test_an_image_that_has_not_changed_is_read_once(publish, cli, here: Path) -> None:
    publish("--dry-run", image=publish.fresh())
    os.utime(here / "image.qcow2", (1_700_000_000, 1_700_000_000))
    publish("--dry-run")
    assert "read before, unchanged" in cli("publish", "image.qcow2", "--dry-run", "--no-look").err
    with (here / "image.qcow2").open("ab") as file:
        file.write(b"more")
    assert "read before, unchanged" not in cli("publish", "image.qcow2", "--dry-run", "--no-look").err


def test_xmlsec1_verifies_what_was_published(publish, http: httpx.Client, tmp_path: Path) -> None:
    tool = shutil.which("xmlsec1")
    if tool is None:
        assert "REQUIRE_XMLSEC1" not in os.environ, "needs xmlsec1"
        pytest.skip("needs xmlsec1")
    told = publish("--title", "Verified elsewhere", image=publish.fresh())
    (tmp_path / "entry.xml").write_bytes(http.get(f"/metadata/{told['entry']}").content)
    verify = [tool, "--verify", "--enabled-key-data", "x509,rsa,ec", "--trusted-pem", "cert.pem"]
    done = subprocess.run([*verify, "entry.xml"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    broken = (tmp_path / "entry.xml").read_bytes().replace(b"Verified elsewhere", b"Verified anywhere!")
    (tmp_path / "entry.xml").write_bytes(broken)
    assert (
        subprocess.run([*verify, "entry.xml"], cwd=tmp_path, capture_output=True, check=False).returncode != 0
    )


def test_a_terminal_is_asked_for_what_is_missing_and_before_it_signs(
    server: RunningServer, here: Path, http: httpx.Client
) -> None:
    (here / "image.qcow2").write_bytes(images.qcow2(1 << 30) + b"asked")
    answers = {
        b"URL of the content": b"pdisk:1234\n", b"Title": b"Asked for\n", b"Version of the image": b"\n",
        b"Operating system (": b"debian\n", b"Version of the op": b"13\n", b"Architecture": b"x86_64\n",
        b"Valid until": b"soon\n", b"is not YYYY": b"90d\n", b"Licence": b"\n", b"Tag (": b"asked\n",
        b"Login user": b"debian\n", b"First boot": b"cloud-init\n", b"Sign and publish": b"y\n",
    }  # fmt: skip
    arguments = ["publish", "image.qcow2", "--endpoint", server.url, *KEYS, "-o", "json"]
    code, shown, out = on_terminal(arguments, answers, here)
    assert code == 0, shown
    said = entry_of(http, json.loads(out)).metadata
    assert (said.title, said.os, said.os_version, said.os_arch) == ("Asked for", "debian", "13", "x86_64")
    assert (said.locations, said.version, said.tags) == (("pdisk:1234",), None, ("asked",))
    assert said.valid is not None
    assert {one.text for one in said.extensions} == {"debian", "cloud-init"}
    assert b"Format (" not in shown

    size = uploads(http)
    refused = {**dict.fromkeys(answers, b"\n"), b"Sign and publish": b"n\n"}
    code, shown, _ = on_terminal([*arguments, "--title", "Not published"], refused, here)
    assert code == 1
    assert uploads(http) == size


def test_an_image_of_a_group_is_published_for_its_members_alone(
    cli, here: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "image.qcow2").write_bytes(images.qcow2(1 << 30, length=64 * 1024) + b"of the group")
    with private_site(tmp_path_factory.mktemp("groups")) as (site, tokens), site.client() as http:
        monkeypatch.setenv("MARKETPLACE_ENDPOINT", site.url)

        def publish(owner: str | None, *more: str, code: int = 0) -> dict[str, str]:
            if owner is None:
                monkeypatch.delenv("MARKETPLACE_TOKEN", raising=False)
            else:
                monkeypatch.setenv("MARKETPLACE_TOKEN", tokens[owner])
            location = ("--location", "https://images.example.org/secret.qcow2", "--no-look")
            done = cli("publish", "image.qcow2", *location, *KEYS, "-o", "json", *more)
            assert done.code == code, done.err
            return done.json if done.out else {"sentence": done.err}

        # Who may not upload to the group is told what whoever names no group is told, and nothing is kept.
        for owner in (None, OUTSIDER, READER):
            refused = publish(owner, "--title", "Hidden", "--audience", GROUP, code=3)
            assert "audience.unknown" in refused["sentence"]
        assert http.get("/api/v1/changes").json()["size"] == 0

        told = publish(MEMBER, "--title", "Hidden", "--tag", "nightly", "--audience", GROUP)
        assert told["outcome"] == "published"
        path = f"/metadata/{told['entry']}"
        for owner in (MEMBER, READER):
            assert http.get(path, headers=bearing(tokens[owner])).status_code == 200
        for owner in (None, OUTSIDER):
            headers = bearing(None if owner is None else tokens[owner])
            assert http.get(path, headers=headers).status_code == 404
            assert http.get("/api/v1/entries?status=all", headers=headers).json()["total"] == 0
            assert http.get("/tag/petra@example.org/nightly", headers=headers).status_code == 404

        again = publish(MEMBER, "--title", "Hidden", "--tag", "nightly", "--audience", GROUP)
        assert (again["outcome"], again["entry"]) == ("unchanged", told["entry"])
        later = publish(MEMBER, "--like", "nightly", "--title", "Hidden, again", "--audience", GROUP)
        assert later["outcome"] == "published"
        assert http.get("/api/v1/changes").json()["size"] == 0
